// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberRegistry} from "./IMemberRegistry.sol";
import {IMeritEpochs} from "./IMeritEpochs.sol";
import {ISignedRequests} from "./ISignedRequests.sol";

/// @title Votes by merit: the weight is proved when voting, against the epoch that is final at the snapshot.
/// @notice OpenZeppelin's Governor with a timestamp clock; EIP-712 domain: name "TenWings Governor", version "1".
/// A ballot carries params = abi.encode(uint256 memberId, uint256 merit, uint256 weight, bytes32[] proof): use
/// castVoteWithReasonAndParams, or castVoteWithReasonAndParamsBySig for a ballot that a relayer brings.
/// Every description must end with "#proposer=0x" and the proposer's address, so that nobody can take over a proposal.
interface ITenWingsGovernor is ISignedRequests {
    /// @notice The share of all weight that must vote for or abstain, in basis points, changed.
    event QuorumBpsSet(uint256 oldQuorumBps, uint256 newQuorumBps);

    /// @notice A ballot without params cannot prove its weight; use castVoteWithReasonAndParams.
    error MeritProofRequired(address account);

    /// @notice The epoch's tree does not grant `account` this merit and weight as member `memberId`.
    error InvalidMeritProof(address account, uint256 epoch, uint256 memberId, uint256 merit, uint256 weight);

    /// @notice The account is not an active member.
    error NotAnActiveMember(address account);

    /// @notice No merit epoch is final at this time (Unix seconds): there are no weights to vote with.
    error NoFinalEpoch(uint256 timepoint);

    /// @notice The quorum must be 1 to 10,000 basis points.
    error InvalidQuorumBps(uint256 quorumBps);

    /// @notice A threshold by weight is not offered: proposing asks for membership, not for weight.
    error ProposalThresholdUnsupported(uint256 proposalThreshold);

    /// @notice Proposes for a member who signed
    /// ProposalBySig(address proposer,uint256 proposalId,uint64 deadline); any relayer may call.
    /// @param deadline Last second (Unix time) at which the signature is valid.
    function proposeBySig(
        address proposer,
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        string calldata description,
        uint64 deadline,
        bytes calldata signature
    ) external returns (uint256 proposalId);

    /// @notice Sets the quorum for proposals whose snapshot comes after this change. Only by a proposal.
    function setQuorumBps(uint256 newQuorumBps) external;

    /// @notice The quorum in basis points at `timepoint` (Unix seconds).
    function quorumBps(uint256 timepoint) external view returns (uint256);

    /// @notice Where members are looked up.
    function members() external view returns (IMemberRegistry);

    /// @notice Where vote weights are proved.
    function epochs() external view returns (IMeritEpochs);
}
