// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What can be wrong with a CID given to a contract.
interface ICids {
    /// @notice The bytes are not a binary CIDv1 of 36 bytes: 0x01, codec 0x55 (raw) or 0x70 (dag-pb), 0x12 0x20, then
    /// the SHA-256 digest.
    error InvalidCid(bytes cid);
}
