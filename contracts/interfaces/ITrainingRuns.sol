// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IArtifactRegistry} from "./IArtifactRegistry.sol";
import {IEvaluatorQuorum} from "./IEvaluatorQuorum.sol";

/// @title Training runs and their rounds: what was trained, from what, by which spec, to which checkpoint.
/// @notice Rewards are in wei of the reward token. EIP-712 domain: name "TenWings TrainingRuns", version "1".
interface ITrainingRuns is IEvaluatorQuorum {
    enum RoundStatus {
        None,
        Committed
    }

    /// @param name Shown to people.
    /// @param specCid CID of the run spec, version 1.
    /// @param genesisCid CID of the checkpoint that round 1 starts from.
    /// @param datasetDigest A registered artifact of kind Dataset.
    /// @param rewardCap Most that one round may emit, in wei.
    /// @param quorum K: how many evaluators co-sign a round.
    /// @param disputeWindowSeconds How long after its commit a round becomes final.
    struct RunParams {
        string name;
        bytes specCid;
        bytes genesisCid;
        bytes32 datasetDigest;
        uint96 rewardCap;
        uint8 quorum;
        uint32 disputeWindowSeconds;
    }

    /// @notice A run as stored. The first five fields share one slot.
    struct Run {
        uint96 rewardCap;
        uint32 headRound;
        uint32 specVersion;
        uint32 disputeWindowSeconds;
        uint8 quorum;
        bytes32 specDigest;
        bytes32 datasetDigest;
    }

    /// @notice A round as stored: three slots. Round 0 holds the genesis checkpoint and nothing else.
    /// @param committedAt Unix seconds.
    /// @param finalAt First second at which the round is final.
    /// @param cumulativeReward Sum of the rewards of this and all earlier rounds, in wei.
    struct Round {
        bytes32 contributionsRoot;
        bytes32 checkpointDigest;
        uint48 committedAt;
        uint48 finalAt;
        uint32 numClients;
        uint112 cumulativeReward;
        RoundStatus status;
    }

    /// @notice What evaluators co-sign after redoing the aggregation. EIP-712 type:
    /// RoundCommit(uint256 runId,uint32 round,bytes32 specDigest,bytes32 parentDigest,bytes checkpointCid,
    /// bytes32 contributionsRoot,bytes recordCid,uint32 numClients,uint96 reward,uint64 heldoutLossMicro)
    /// (one line, no spaces).
    /// @param round Head round + 1.
    /// @param specDigest Digest of the spec in force.
    /// @param parentDigest Digest of the head checkpoint.
    /// @param checkpointCid The new checkpoint.
    /// @param contributionsRoot Root of the contributions tree; see {IRewardVault}.
    /// @param recordCid The round record: receipts, score sheets, the whole contributions tree.
    /// @param reward What this round emits, in wei.
    /// @param heldoutLossMicro Held-out loss of the new checkpoint, in millionths.
    struct RoundCommit {
        uint256 runId;
        uint32 round;
        bytes32 specDigest;
        bytes32 parentDigest;
        bytes checkpointCid;
        bytes32 contributionsRoot;
        bytes recordCid;
        uint32 numClients;
        uint96 reward;
        uint64 heldoutLossMicro;
    }

    /// @notice A curator opened a run. Its first spec follows as SpecChanged with version 1.
    event RunCreated(
        uint256 indexed runId,
        address indexed curator,
        string name,
        bytes specCid,
        bytes genesisCid,
        bytes32 datasetDigest,
        uint96 rewardCap,
        uint8 quorum,
        uint32 disputeWindowSeconds
    );

    /// @notice The run's spec, in force from round `fromRound` on.
    event SpecChanged(uint256 indexed runId, uint32 version, bytes32 specDigest, bytes specCid, uint32 fromRound);

    /// @notice A round was committed; `committedAt` in Unix seconds.
    event RoundCommitted(
        uint256 indexed runId,
        uint32 indexed round,
        bytes32 specDigest,
        bytes32 parentDigest,
        bytes checkpointCid,
        bytes32 contributionsRoot,
        bytes recordCid,
        uint32 numClients,
        uint96 reward,
        uint64 heldoutLossMicro,
        uint48 committedAt
    );

    /// @notice An attempt at a round failed; the head stays and the same round number is tried again.
    event RoundFailed(uint256 indexed runId, uint32 indexed round, bytes recordCid, bytes32 reason);

    /// @notice There is no such run.
    error UnknownRun(uint256 runId);

    /// @notice The digest is not registered as a dataset.
    error NotADataset(bytes32 digest);

    /// @notice K must be at least 1.
    error InvalidQuorum(uint8 quorum);

    /// @notice The run stands before round `expected`.
    error WrongRound(uint256 runId, uint32 round, uint32 expected);

    /// @notice The round does not start from the head checkpoint.
    error WrongParent(uint256 runId, bytes32 parentDigest, bytes32 headDigest);

    /// @notice The round was trained by another spec than the one in force.
    error WrongSpec(uint256 runId, bytes32 specDigest, bytes32 currentDigest);

    /// @notice The round would emit more than the run allows.
    error RewardAboveCap(uint256 runId, uint96 reward, uint96 rewardCap);

    /// @notice The round is not committed, or its dispute window is still open.
    error RoundNotFinal(uint256 runId, uint32 round);

    /// @notice Opens a run. Only CURATOR_ROLE.
    /// @return runId Ids count from 1.
    function createRun(RunParams calldata params) external returns (uint256 runId);

    /// @notice Replaces the spec for the next round to be committed (head + 1). A round in flight under the old spec
    /// is refused with WrongSpec and is to be tried again. Only GOVERNANCE_ROLE.
    function setSpec(uint256 runId, bytes calldata specCid) external;

    /// @notice Commits the next round. Anyone may call with K co-signatures, ordered by signer.
    function commitRound(RoundCommit calldata commit, bytes[] calldata evaluatorSignatures) external;

    /// @notice Notes that an attempt at the next round failed. Only CURATOR_ROLE.
    /// @param recordCid What happened.
    /// @param reason Reason code, ASCII padded with zeros.
    function closeFailed(uint256 runId, uint32 round, bytes calldata recordCid, bytes32 reason) external;

    /// @notice A run; reverts with UnknownRun.
    function run(uint256 runId) external view returns (Run memory);

    /// @notice The last committed round and its checkpoint; round 0 is the genesis. Reverts with UnknownRun.
    function head(uint256 runId) external view returns (uint32 round, bytes32 checkpointDigest);

    /// @notice A round; all zero if it is not committed.
    function round(uint256 runId, uint32 number) external view returns (Round memory);

    /// @notice The spec in force: version from 1, and digest. Reverts with UnknownRun.
    function specOf(uint256 runId) external view returns (uint32 version, bytes32 digest);

    /// @notice K, the number of evaluators who co-sign. Reverts with UnknownRun.
    function quorumOf(uint256 runId) external view returns (uint8);

    /// @notice Whether the round is committed and its dispute window is over.
    function isFinal(uint256 runId, uint32 number) external view returns (bool);

    /// @notice What a final round lets be claimed; reverts with RoundNotFinal.
    /// @return contributionsRoot Root that claims are proved against.
    /// @return cumulativeReward Sum of the rewards up to this round, in wei.
    function finalRound(uint256 runId, uint32 number)
        external
        view
        returns (bytes32 contributionsRoot, uint112 cumulativeReward);

    /// @notice How many runs there are; the last id.
    function numRuns() external view returns (uint256);

    /// @notice Where datasets are looked up.
    function artifacts() external view returns (IArtifactRegistry);
}
