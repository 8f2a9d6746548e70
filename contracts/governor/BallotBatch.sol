// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ITenWingsGovernor} from "../interfaces/ITenWingsGovernor.sol";
import {Sponsors} from "./Sponsors.sol";

/// @title Signed ballots, one by one or many in one transaction.
abstract contract BallotBatch is Sponsors {
    bytes32 private constant MERIT_BALLOT_TYPEHASH =
        keccak256("MeritBallot(uint256 proposalId,uint8 support,address voter,string reason,bytes params)");

    /// @inheritdoc ITenWingsGovernor
    function castBallots(SignedBallot[] calldata ballots) external returns (uint256 numCounted) {
        for (uint256 i = 0; i < ballots.length; ++i) {
            SignedBallot calldata b = ballots[i];
            try this.castVoteWithReasonAndParamsBySig(b.proposalId, b.support, b.voter, b.reason, b.params, b.signature)
            returns (uint256) {
                ++numCounted;
            } catch (bytes memory reason) {
                emit BallotRefused(b.proposalId, b.voter, reason);
            }
        }
    }

    /// @dev No nonce: the bit of the voter in the proposal's map is the ballot's only use.
    function _validateExtendedVoteSig(
        uint256 proposalId,
        uint8 support,
        address voter,
        string memory reason,
        bytes memory params,
        bytes memory signature
    ) internal view override returns (bool) {
        bytes32 structHash = keccak256(
            abi.encode(
                MERIT_BALLOT_TYPEHASH, proposalId, support, voter, keccak256(bytes(reason)), keccak256(params)
            )
        );
        return SignatureChecker.isValidSignatureNow(voter, _hashTypedDataV4(structHash), signature);
    }
}
