// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ITrainingRuns} from "./ITrainingRuns.sol";

/// @title Pays what final rounds granted, by proof; funded ahead, per run. Amounts in wei of the reward token.
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

    /// @notice `account` was paid `amount`; it has now received `cumulativeReward` from the run.
    event RewardClaimed(
        uint256 indexed runId,
        uint32 round,
        uint256 indexed memberId,
        address indexed account,
        uint256 amount,
        uint256 cumulativeReward
    );

    /// @notice The leaf is not in the round's contributions tree.
    error InvalidProof(uint256 runId, uint32 round, bytes32 leafHash);

    /// @notice All of the leaf's `cumulativeReward` was paid before.
    error NothingToClaim(uint256 runId, address account, uint256 cumulativeReward, uint256 claimed);

    /// @notice The run's budget holds less than the claim.
    error InsufficientFunds(uint256 runId, uint256 available, uint256 needed);

    /// @notice With this claim the run would pay `claimedAfter`, more than its final rounds granted (`granted`).
    error MoreThanGranted(uint256 runId, uint256 claimedAfter, uint256 granted);

    /// @notice Adds to the budget of a run. Anyone may; the vault needs an allowance.
    function fund(uint256 runId, uint256 amount) external;

    /// @notice Pays `leaf.account` what it has not had yet. Anyone may call; the round must be final.
    function claim(Leaf calldata leaf, bytes32[] calldata proof) external;

    /// @notice The hash of a leaf in the contributions tree.
    function leafHash(Leaf calldata leaf) external view returns (bytes32);

    /// @notice What the account has been paid from the run.
    function claimed(uint256 runId, address account) external view returns (uint256);

    /// @notice What was ever put into the run's budget.
    function funded(uint256 runId) external view returns (uint256);

    /// @notice What the run has paid to all accounts.
    function totalClaimed(uint256 runId) external view returns (uint256);

    /// @notice The ERC-20 that is paid.
    function token() external view returns (IERC20);

    /// @notice Where final rounds are read from.
    function trainingRuns() external view returns (ITrainingRuns);
}
