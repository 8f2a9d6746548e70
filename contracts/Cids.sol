// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";

import {ICids} from "./interfaces/ICids.sol";

/// @title Reads the SHA-256 digest out of a binary CIDv1.
library Cids {
    uint256 private constant LENGTH = 36;
    bytes4 private constant RAW_SHA2_256 = 0x01551220;
    bytes4 private constant DAG_PB_SHA2_256 = 0x01701220;

    /// @notice The digest inside `cid`; reverts with InvalidCid for any other version, codec, hash or length.
    function digest(bytes calldata cid) internal pure returns (bytes32) {
        if (cid.length != LENGTH) revert ICids.InvalidCid(cid);
        bytes4 prefix = bytes4(cid[:4]);
        if (prefix != RAW_SHA2_256 && prefix != DAG_PB_SHA2_256) revert ICids.InvalidCid(cid);
        return bytes32(cid[4:]);
    }

    /// @notice The same for a CID in memory, as a constructor gets it.
    function digestInMemory(bytes memory cid) internal pure returns (bytes32) {
        if (cid.length != LENGTH) revert ICids.InvalidCid(cid);
        bytes4 prefix = bytes4(cid);
        if (prefix != RAW_SHA2_256 && prefix != DAG_PB_SHA2_256) revert ICids.InvalidCid(cid);
        return bytes32(Bytes.slice(cid, 4));
    }
}
