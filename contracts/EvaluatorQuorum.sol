// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IEvaluatorQuorum} from "./interfaces/IEvaluatorQuorum.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {Roles} from "./Roles.sol";

/// @title Checks that K distinct, active evaluators signed a digest.
abstract contract EvaluatorQuorum is IEvaluatorQuorum {
    IMemberRegistry private immutable _members;

    constructor(IMemberRegistry members_) {
        _members = members_;
    }

    /// @inheritdoc IEvaluatorQuorum
    function members() public view returns (IMemberRegistry) {
        return _members;
    }

    /// @dev Reverts unless `signatures` over `digest` come from at least `needed` active evaluators, ordered by signer.
    function _requireQuorum(bytes32 digest, bytes[] calldata signatures, uint256 needed) internal view {
        if (signatures.length < needed) revert QuorumNotReached(signatures.length, needed);
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(digest, signatures[i]);
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            if (!_members.isActive(signer, Roles.EVALUATOR)) revert NotAnActiveEvaluator(signer);
            previous = signer;
        }
    }
}
