"""The records that cross walls, a subject a file.

Field order and integer widths mirror the Solidity structs of contracts/interfaces where one exists. Everything here is
plain data; signing lives in `node.typed_data`, hashing of leaves in `node.merkle`.
"""
