// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IArtifactRegistry} from "./IArtifactRegistry.sol";
import {IEvaluatorQuorum} from "./IEvaluatorQuorum.sol";
import {IRunDisputes} from "./IRunDisputes.sol";
import {IRunGovernance} from "./IRunGovernance.sol";

/// @title Training runs and their rounds: what was trained, from what, by which spec, to which checkpoint.
/// @notice Rewards are in wei of the reward token. EIP-712 domain: name "TenWings TrainingRuns", version "1".
interface ITrainingRuns is IEvaluatorQuorum, IRunDisputes, IRunGovernance {
    /// @notice None: no such round. Committed: its dispute window is open. Disputed, Final, Voided: as they say.
    enum RoundStatus {
        None,
        Committed,
        Disputed,
        Final,
        Voided
    }

    /// @param name Shown to people.
    /// @param specCid CID of the run spec, version 1.
    /// @param specParams The spec's numbers that the chain bounds.
    /// @param genesisCid CID of the checkpoint that round 1 starts from.
    /// @param datasetDigest A registered artifact of kind Dataset.
    /// @param rewardCap Most that one round may emit, in wei.
    /// @param quorum K: how many evaluators co-sign a round.
    /// @param disputeWindowSeconds How long after its commit a round becomes final.
    /// @param vestedBps Part of every reward that vests over time, in basis points; 0 for none.
    /// @param vestingSeconds How long that part takes.
    struct RunParams {
        string name;
        bytes specCid;
        SpecParams specParams;
        bytes genesisCid;
        bytes32 datasetDigest;
        uint96 rewardCap;
        uint8 quorum;
        uint32 disputeWindowSeconds;
        uint16 vestedBps;
        uint32 vestingSeconds;
    }

    /// @notice A run as it stands.
    /// @param headRound The newest round that counts; 0 before the first.
    /// @param lastRound The newest number given out, voided rounds included; the next round is this + 1.
    /// @param headDigest Checkpoint that the next round starts from; zero between a void and {restoreHead}.
    /// @param cumulativeReward What all rounds that count emitted, in wei; of no meaning while the head is unknown.
    /// @param pausedUntil Unix seconds; in the past when not paused.
    /// @param disputedRound The round under dispute; 0 for none.
    struct Run {
        uint32 headRound;
        uint32 lastRound;
        bytes32 headDigest;
        uint96 cumulativeReward;
        uint48 pausedUntil;
        uint32 disputedRound;
        uint96 rewardCap;
        uint8 quorum;
        uint32 disputeWindowSeconds;
        uint16 vestedBps;
        uint32 vestingSeconds;
        uint32 specVersion;
        bytes32 specDigest;
        bytes32 datasetDigest;
    }

    /// @notice A round as stored: one slot.
    /// @param seal First 23 bytes of the hash of the round's {RoundData}.
    /// @param finalAt First second at which it is final, if nobody disputes.
    /// @param parentRound The round that counted as newest when this one was committed.
    struct Round {
        bytes23 seal;
        uint40 finalAt;
        uint32 parentRound;
    }

    /// @notice What a round's seal is made of. It is in the event; whoever needs it on chain hands it in.
    /// @param cumulativeReward What this and all earlier rounds that count emitted, in wei.
    struct RoundData {
        bytes32 contributionsRoot;
        bytes32 checkpointDigest;
        bytes32 parentDigest;
        uint96 cumulativeReward;
        uint96 reward;
    }

    /// @notice What evaluators co-sign after redoing the aggregation. EIP-712 type:
    /// RoundCommit(uint256 runId,uint32 round,bytes32 specDigest,bytes32 datasetDigest,bytes32 parentDigest,
    /// bytes32 checkpointDigest,bytes32 contributionsRoot,bytes32 recordDigest,uint8 codecs,uint32 numClients,
    /// uint96 reward,uint64 heldoutLossMicro)
    /// (one line, no spaces).
    /// @param round Last round + 1: a number is never given out twice.
    /// @param specDigest Digest of the spec in force.
    /// @param datasetDigest The dataset in force.
    /// @param parentDigest Digest of the head checkpoint.
    /// @param checkpointDigest Of the new checkpoint's CID.
    /// @param contributionsRoot Root of the contributions tree; see {IRewardVault}.
    /// @param recordDigest Of the round record's CID: receipts, score sheets, the whole contributions tree.
    /// @param codecs Which codec the two CIDs name: bit 0 for the checkpoint, bit 1 for the record; 0 is raw, 1 is
    /// dag-pb. With the digest it makes the CID.
    /// @param reward What this round emits, in wei.
    /// @param heldoutLossMicro Held-out loss of the new checkpoint, in millionths.
    struct RoundCommit {
        uint256 runId;
        uint32 round;
        bytes32 specDigest;
        bytes32 datasetDigest;
        bytes32 parentDigest;
        bytes32 checkpointDigest;
        bytes32 contributionsRoot;
        bytes32 recordDigest;
        uint8 codecs;
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
        uint32 disputeWindowSeconds,
        uint16 vestedBps,
        uint32 vestingSeconds
    );

    /// @notice A round was committed on top of `parentRound`. When: the block's time.
    event RoundCommitted(
        uint256 indexed runId,
        uint32 indexed round,
        bytes32 specDigest,
        bytes32 datasetDigest,
        bytes32 parentDigest,
        bytes32 checkpointDigest,
        bytes32 contributionsRoot,
        bytes32 recordDigest,
        uint8 codecs,
        uint32 numClients,
        uint96 reward,
        uint64 heldoutLossMicro,
        uint32 parentRound
    );

    /// @notice An attempt at a round failed; the head stays and the same round number is tried again.
    event RoundFailed(uint256 indexed runId, uint32 indexed round, bytes recordCid, bytes32 reason);

    /// @notice There is no such run.
    error UnknownRun(uint256 runId);

    /// @notice At most all of a reward vests, over at least a second.
    error InvalidVesting(uint16 vestedBps, uint32 vestingSeconds);

    /// @notice Commits are refused until `until` (Unix seconds).
    error RunIsPaused(uint256 runId, uint48 until);

    /// @notice A void took the head away: {restoreHead} with the data of round `round` brings it back.
    error HeadUnknown(uint256 runId, uint32 round);

    /// @notice The run stands before round `expected`.
    error WrongRound(uint256 runId, uint32 round, uint32 expected);

    /// @notice The round does not start from the head checkpoint.
    error WrongParent(uint256 runId, bytes32 parentDigest, bytes32 headDigest);

    /// @notice The round was trained by another spec than the one in force.
    error WrongSpec(uint256 runId, bytes32 specDigest, bytes32 currentDigest);

    /// @notice The round was trained on another dataset than the one in force.
    error WrongDataset(uint256 runId, bytes32 datasetDigest, bytes32 currentDigest);

    /// @notice Only the lowest two bits name codecs.
    error InvalidCodecs(uint8 codecs);

    /// @notice The data handed in is not what the round was committed with.
    error WrongRoundData(uint256 runId, uint32 round);

    /// @notice The round would emit more than the run allows.
    error RewardAboveCap(uint256 runId, uint96 reward, uint96 rewardCap);

    /// @notice The round is not committed, still open, under dispute or voided.
    error RoundNotFinal(uint256 runId, uint32 round);

    /// @notice Opens a run. Only CURATOR_ROLE.
    /// @return runId Ids count from 1.
    function createRun(RunParams calldata params) external returns (uint256 runId);

    /// @notice Commits the next round. Anyone may call with K co-signatures, ordered by signer.
    function commitRound(RoundCommit calldata commit, bytes[] calldata evaluatorSignatures) external;

    /// @notice Notes that an attempt at the next round failed. Only CURATOR_ROLE.
    /// @param recordCid What happened.
    /// @param reason Reason code, ASCII padded with zeros.
    function closeFailed(uint256 runId, uint32 round, bytes calldata recordCid, bytes32 reason) external;

    /// @notice Starts the next round from the checkpoint of an earlier, final round, whose data is handed in. Only
    /// GOVERNANCE_ROLE.
    function rollBack(uint256 runId, uint32 round, RoundData calldata data) external;

    /// @notice Brings the head back after a void, from the data of the first voided round. Anyone may call.
    function restoreHead(uint256 runId, RoundData calldata data) external;

    /// @notice A run; reverts with UnknownRun.
    function run(uint256 runId) external view returns (Run memory);

    /// @notice The newest round that counts, and the checkpoint that the next one starts from; round 0 is the genesis.
    /// Reverts with UnknownRun.
    function head(uint256 runId) external view returns (uint32 round, bytes32 checkpointDigest);

    /// @notice A round; all zero if it is not committed.
    function round(uint256 runId, uint32 number) external view returns (Round memory);

    /// @notice The spec in force: version from 1, and digest. Reverts with UnknownRun.
    function specOf(uint256 runId) external view returns (uint32 version, bytes32 digest);

    /// @notice K, the number of evaluators who co-sign. Reverts with UnknownRun.
    function quorumOf(uint256 runId) external view returns (uint8);

    /// @notice Where a round stands.
    function statusOf(uint256 runId, uint32 number) external view returns (RoundStatus);

    /// @notice Whether the round is committed, its dispute window is over, and nobody's dispute stands against it.
    function isFinal(uint256 runId, uint32 number) external view returns (bool);

    /// @notice Reverts unless the round is final (RoundNotFinal) and was committed with this data (WrongRoundData).
    function requireFinal(uint256 runId, uint32 number, RoundData calldata data) external view;

    /// @notice How many runs there are; the last id.
    function numRuns() external view returns (uint256);

    /// @notice Where datasets are looked up.
    function artifacts() external view returns (IArtifactRegistry);
}
