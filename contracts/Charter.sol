// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Cids} from "./Cids.sol";
import {ICharter} from "./interfaces/ICharter.sol";

contract Charter is ICharter, Ownable {
    bytes32 private _digest;
    uint16 private _numArticles;
    uint32 private _version;

    /// @param owner_ The timelock. Only itself, by a constitutional proposal, can hand the charter on.
    constructor(address owner_, bytes memory cid, uint16 articles) Ownable(owner_) {
        _set(cid, articles);
    }

    /// @inheritdoc ICharter
    function setCharter(bytes calldata cid, uint16 articles) external onlyOwner {
        _set(cid, articles);
    }

    /// @inheritdoc ICharter
    function text() external view returns (bytes32 digest, uint32 version) {
        return (_digest, _version);
    }

    /// @inheritdoc ICharter
    function numArticles() external view returns (uint16) {
        return _numArticles;
    }

    function _set(bytes memory cid, uint16 articles) private {
        if (articles == 0) revert EmptyCharter();
        _digest = Cids.digestInMemory(cid);
        _numArticles = articles;
        emit CharterSet(++_version, cid, articles);
    }
}
