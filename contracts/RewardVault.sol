// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Leaves} from "./Leaves.sol";

contract RewardVault is IRewardVault {
    using SafeERC20 for IERC20;

    /// @dev One slot. `latestRound` is the newest round that a claim was proved against.
    struct Budget {
        uint112 funded;
        uint112 claimed;
        uint32 latestRound;
    }

    IERC20 private immutable _token;
    ITrainingRuns private immutable _trainingRuns;
    mapping(uint256 runId => Budget) private _budgets;
    mapping(uint256 runId => mapping(address account => uint256)) private _claimed;

    constructor(IERC20 token_, ITrainingRuns trainingRuns_) {
        _token = token_;
        _trainingRuns = trainingRuns_;
    }

    /// @inheritdoc IRewardVault
    function fund(uint256 runId, uint256 amount) external {
        _trainingRuns.run(runId);
        _budgets[runId].funded += SafeCast.toUint112(amount);
        emit RunFunded(runId, msg.sender, amount);
        _token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IRewardVault
    function claim(Leaf calldata leaf, bytes32[] calldata proof) external {
        (bytes32 root, uint112 granted) = _trainingRuns.finalRound(leaf.runId, leaf.round);
        _requireProof(leaf, proof, root);
        uint256 amount = _requireUnpaid(leaf);
        _spend(leaf, amount, granted);
        _claimed[leaf.runId][leaf.account] = leaf.cumulativeReward;
        emit RewardClaimed(leaf.runId, leaf.round, leaf.memberId, leaf.account, amount, leaf.cumulativeReward);
        _token.safeTransfer(leaf.account, amount);
    }

    /// @inheritdoc IRewardVault
    function leafHash(Leaf calldata leaf) public view returns (bytes32) {
        return Leaves.contribution(block.chainid, address(_trainingRuns), leaf);
    }

    /// @inheritdoc IRewardVault
    function claimed(uint256 runId, address account) external view returns (uint256) {
        return _claimed[runId][account];
    }

    /// @inheritdoc IRewardVault
    function funded(uint256 runId) external view returns (uint256) {
        return _budgets[runId].funded;
    }

    /// @inheritdoc IRewardVault
    function totalClaimed(uint256 runId) external view returns (uint256) {
        return _budgets[runId].claimed;
    }

    /// @inheritdoc IRewardVault
    function token() external view returns (IERC20) {
        return _token;
    }

    /// @inheritdoc IRewardVault
    function trainingRuns() external view returns (ITrainingRuns) {
        return _trainingRuns;
    }

    function _requireProof(Leaf calldata leaf, bytes32[] calldata proof, bytes32 root) private view {
        bytes32 hash = leafHash(leaf);
        if (!MerkleProof.verifyCalldata(proof, root, hash)) revert InvalidProof(leaf.runId, leaf.round, hash);
    }

    function _requireUnpaid(Leaf calldata leaf) private view returns (uint256 amount) {
        uint256 paid = _claimed[leaf.runId][leaf.account];
        if (leaf.cumulativeReward <= paid) {
            revert NothingToClaim(leaf.runId, leaf.account, leaf.cumulativeReward, paid);
        }
        return leaf.cumulativeReward - paid;
    }

    /// @dev A proof against an older round is fine: the grant is then that of the newest round already claimed from, so
    /// that nobody is shut out because others claimed first.
    function _spend(Leaf calldata leaf, uint256 amount, uint112 granted) private {
        Budget memory budget = _budgets[leaf.runId];
        uint256 available = budget.funded - budget.claimed;
        if (amount > available) revert InsufficientFunds(leaf.runId, available, amount);
        if (leaf.round < budget.latestRound) {
            (, granted) = _trainingRuns.finalRound(leaf.runId, budget.latestRound);
        }
        // Cannot truncate: amount <= available, which fits.
        budget.claimed += uint112(amount);
        if (budget.claimed > granted) revert MoreThanGranted(leaf.runId, budget.claimed, granted);
        budget.latestRound = uint32(Math.max(budget.latestRound, leaf.round));
        _budgets[leaf.runId] = budget;
    }
}
