// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ITrainingRuns} from "./ITrainingRuns.sol";

/// @title Pays what final rounds granted, by proof; funded ahead, per run. Amounts in wei of the reward token.
/// @notice Claims are cumulative and kept by member: a member whose account moved keeps its rewards and is paid to the
/// new account. Roots come from TrainingRuns alone, where a round's root never changes and is final after the run's
/// dispute window; so there is no root to be reset here.
interface IRewardVault {
    /// @notice One line of a round's contributions tree. Its hash is keccak256(keccak256(abi.encode(
    /// keccak256("TenWings contribution"), chainid, address of TrainingRuns, then the fields in this order)));
    /// pairs are sorted before hashing (OpenZeppelin's convention).
    /// @param samples Clips trained on.
    /// @param steps Inner steps done.
    /// @param score Millionths of held-out gain for trainers (may be negative), basis points of agreement for evaluators.
    /// @param updateDigest Digest of the update's CID; zero for who sent none.
    /// @param reward For this round, in wei.
    /// @param cumulativeReward For this and all earlier rounds of the run, in wei.
    struct Leaf {
        uint256 runId;
        uint32 round;
        uint256 memberId;
        address account;
        uint64 samples;
        uint32 steps;
        int64 score;
        bytes32 updateDigest;
        uint128 reward;
        uint128 cumulativeReward;
    }

    /// @notice `funder` added to the budget of a run.
    event RunFunded(uint256 indexed runId, address indexed funder, uint256 amount);

    /// @notice The member claimed `amount`, and has claimed `cumulativeReward` from the run by now. `account` was paid
    /// what of it is not locked.
    event RewardClaimed(
        uint256 indexed runId,
        uint32 round,
        uint256 indexed memberId,
        address indexed account,
        uint256 amount,
        uint256 cumulativeReward
    );

    /// @notice `amount` of a claim was locked; all that is locked vests until `endsAt` (Unix seconds).
    event RewardLocked(uint256 indexed runId, uint256 indexed memberId, uint256 amount, uint48 endsAt);

    /// @notice `amount` of what was locked has vested and was paid.
    event RewardVested(uint256 indexed runId, uint256 indexed memberId, uint256 amount);

    /// @notice `amount` of what was locked went back to the run's budget.
    event RewardSlashed(uint256 indexed runId, uint256 indexed memberId, uint256 amount);

    /// @notice The leaf is not in the round's contributions tree.
    error InvalidProof(uint256 runId, uint32 round, bytes32 leafHash);

    /// @notice All of the leaf's `cumulativeReward` was claimed before.
    error NothingToClaim(uint256 runId, uint256 memberId, uint256 cumulativeReward, uint256 claimed);

    /// @notice The run's rounds up to this one granted `needed`, more than it was funded with. Claims from earlier rounds,
    /// within the budget, are paid.
    error InsufficientFunds(uint256 runId, uint256 funded, uint256 needed);

    /// @notice There must be as many proofs as leaves, and at least one.
    error InvalidBatch(uint256 leaves, uint256 proofs);

    /// @notice The `index`-th leaf (from 0) is of another run or round than the first.
    error AnotherRound(uint256 index, uint256 runId, uint32 round);

    /// @notice Nothing of the member's locked reward has vested since it was last released.
    error NothingVested(uint256 runId, uint256 memberId);

    /// @notice With this claim the run would pay `claimedAfter`, more than its final rounds granted (`granted`).
    error MoreThanGranted(uint256 runId, uint256 claimedAfter, uint256 granted);

    /// @notice Adds to the budget of a run. Anyone may; the vault needs an allowance.
    function fund(uint256 runId, uint256 amount) external;

    /// @notice Pays the leaf's member what it has not had yet, to its present account. Anyone may call for anyone; the
    /// round must be final.
    /// @param data What the round was committed with.
    function claim(Leaf calldata leaf, ITrainingRuns.RoundData calldata data, bytes32[] calldata proof) external;

    /// @notice The same for many members of one round in one transaction; who had it all before is passed over. Anyone
    /// may call.
    function claimFor(Leaf[] calldata leaves, ITrainingRuns.RoundData calldata data, bytes32[][] calldata proofs)
        external;

    /// @notice Pays a member what has vested of its locked reward. Anyone may call for anyone.
    function release(uint256 runId, uint256 memberId) external;

    /// @notice Puts `amount` of what has not vested, or all of it where that is less, back into the run's budget; what has
    /// vested is paid out. Only INCIDENT_ROLE.
    function slashUnvested(uint256 runId, uint256 memberId, uint256 amount) external;

    /// @notice What of a member's locked reward has not vested yet.
    function unvested(uint256 runId, uint256 memberId) external view returns (uint256);

    /// @notice What of a member's reward is locked or vested and not released, and when all of it will have vested.
    function locked(uint256 runId, uint256 memberId) external view returns (uint256 amount, uint48 endsAt);

    /// @notice The hash of a leaf in the contributions tree.
    function leafHash(Leaf calldata leaf) external view returns (bytes32);

    /// @notice What the member has claimed from the run.
    function claimed(uint256 runId, uint256 memberId) external view returns (uint256);

    /// @notice What was ever put into the run's budget, slashed rewards included.
    function funded(uint256 runId) external view returns (uint256);

    /// @notice What all members have claimed from the run.
    function totalClaimed(uint256 runId) external view returns (uint256);

    /// @notice What the newest round that was claimed from granted in all.
    function totalGranted(uint256 runId) external view returns (uint256);

    /// @notice The ERC-20 that is paid.
    function token() external view returns (IERC20);

    /// @notice Where final rounds are read from.
    function trainingRuns() external view returns (ITrainingRuns);
}
