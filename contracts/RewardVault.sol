// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Leaves} from "./Leaves.sol";

contract RewardVault is IRewardVault, AccessControl {
    using SafeERC20 for IERC20;

    /// @dev One slot. `granted` is the total of the newest final round that a claim was proved against; it never exceeds
    /// what was funded. Vesting is the run's, copied when the run is funded.
    struct Budget {
        uint104 claimed;
        uint104 granted;
        uint16 vestedBps;
        uint32 vestingSeconds;
    }

    /// @dev One slot. Of `locked`, nothing was free at `startsAt` and all will be at `endsAt`.
    struct Vesting {
        uint104 locked;
        uint40 startsAt;
        uint40 endsAt;
    }

    /// @notice May slash what has not vested. Held by the incident contract; DEFAULT_ADMIN_ROLE (the timelock) can take
    /// it away.
    bytes32 public constant INCIDENT_ROLE = keccak256("INCIDENT_ROLE");

    uint256 private constant BPS = 10_000;

    IERC20 private immutable _token;
    ITrainingRuns private immutable _trainingRuns;
    IMemberRegistry private immutable _members;
    mapping(uint256 runId => Budget) private _budgets;
    mapping(uint256 runId => uint104) private _funded;
    mapping(uint256 runId => mapping(uint256 memberId => uint256)) private _claimed;
    mapping(uint256 runId => mapping(uint256 memberId => Vesting)) private _vestings;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(IERC20 token_, ITrainingRuns trainingRuns_, address admin) {
        _token = token_;
        _trainingRuns = trainingRuns_;
        _members = trainingRuns_.members();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IRewardVault
    function fund(uint256 runId, uint256 amount) external {
        ITrainingRuns.Run memory run = _trainingRuns.run(runId);
        _budgets[runId].vestedBps = run.vestedBps;
        _budgets[runId].vestingSeconds = run.vestingSeconds;
        _funded[runId] += SafeCast.toUint104(amount);
        emit RunFunded(runId, msg.sender, amount);
        _token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IRewardVault
    function claim(Leaf calldata leaf, ITrainingRuns.RoundData calldata data, bytes32[] calldata proof) external {
        _trainingRuns.requireFinal(leaf.runId, leaf.round, data);
        _requireProof(leaf, proof, data.contributionsRoot);
        uint256 paid = _claimed[leaf.runId][leaf.memberId];
        if (leaf.cumulativeReward <= paid) {
            revert NothingToClaim(leaf.runId, leaf.memberId, leaf.cumulativeReward, paid);
        }
        _pay(leaf, data.cumulativeReward);
    }

    /// @inheritdoc IRewardVault
    function claimFor(Leaf[] calldata leaves, ITrainingRuns.RoundData calldata data, bytes32[][] calldata proofs)
        external
    {
        if (leaves.length == 0 || leaves.length != proofs.length) revert InvalidBatch(leaves.length, proofs.length);
        (uint256 runId, uint32 round) = (leaves[0].runId, leaves[0].round);
        _trainingRuns.requireFinal(runId, round, data);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf calldata leaf = leaves[i];
            if (leaf.runId != runId || leaf.round != round) revert AnotherRound(i, leaf.runId, leaf.round);
            if (leaf.cumulativeReward <= _claimed[runId][leaf.memberId]) continue;
            _requireProof(leaf, proofs[i], data.contributionsRoot);
            _pay(leaf, data.cumulativeReward);
        }
    }

    /// @inheritdoc IRewardVault
    function release(uint256 runId, uint256 memberId) external {
        uint256 amount = _free(runId, memberId);
        if (amount == 0) revert NothingVested(runId, memberId);
        _token.safeTransfer(_members.accountOf(memberId), amount);
    }

    /// @inheritdoc IRewardVault
    function slashUnvested(uint256 runId, uint256 memberId, uint256 amount) external onlyRole(INCIDENT_ROLE) {
        uint256 taken = Math.min(amount, unvested(runId, memberId));
        uint256 vested = _free(runId, memberId);
        // Cannot truncate: what is taken is at most what is locked.
        _vestings[runId][memberId].locked -= uint104(taken);
        _funded[runId] += uint104(taken);
        emit RewardSlashed(runId, memberId, taken);
        if (vested > 0) _token.safeTransfer(_members.accountOf(memberId), vested);
    }

    /// @inheritdoc IRewardVault
    function unvested(uint256 runId, uint256 memberId) public view returns (uint256) {
        Vesting memory vesting = _vestings[runId][memberId];
        if (block.timestamp >= vesting.endsAt) return 0;
        return (uint256(vesting.locked) * (vesting.endsAt - block.timestamp)) / (vesting.endsAt - vesting.startsAt);
    }

    /// @inheritdoc IRewardVault
    function locked(uint256 runId, uint256 memberId) external view returns (uint256 amount, uint48 endsAt) {
        Vesting storage vesting = _vestings[runId][memberId];
        return (vesting.locked, vesting.endsAt);
    }

    /// @inheritdoc IRewardVault
    function leafHash(Leaf calldata leaf) public view returns (bytes32) {
        return Leaves.contribution(block.chainid, address(_trainingRuns), leaf);
    }

    /// @inheritdoc IRewardVault
    function claimed(uint256 runId, uint256 memberId) external view returns (uint256) {
        return _claimed[runId][memberId];
    }

    /// @inheritdoc IRewardVault
    function funded(uint256 runId) external view returns (uint256) {
        return _funded[runId];
    }

    /// @inheritdoc IRewardVault
    function totalClaimed(uint256 runId) external view returns (uint256) {
        return _budgets[runId].claimed;
    }

    /// @inheritdoc IRewardVault
    function totalGranted(uint256 runId) external view returns (uint256) {
        return _budgets[runId].granted;
    }

    /// @inheritdoc IRewardVault
    function token() external view returns (IERC20) {
        return _token;
    }

    /// @inheritdoc IRewardVault
    function trainingRuns() external view returns (ITrainingRuns) {
        return _trainingRuns;
    }

    /// @dev Everything is written before the token is called.
    function _pay(Leaf calldata leaf, uint256 granted) private {
        uint256 amount = leaf.cumulativeReward - _claimed[leaf.runId][leaf.memberId];
        address account = _members.accountOf(leaf.memberId);
        Budget memory budget = _spend(leaf.runId, amount, granted);
        _claimed[leaf.runId][leaf.memberId] = leaf.cumulativeReward;
        emit RewardClaimed(leaf.runId, leaf.round, leaf.memberId, account, amount, leaf.cumulativeReward);
        if (budget.vestedBps > 0) amount = _lock(leaf.runId, leaf.memberId, amount, budget);
        _token.safeTransfer(account, amount);
    }

    function _requireProof(Leaf calldata leaf, bytes32[] calldata proof, bytes32 root) private view {
        bytes32 hash = leafHash(leaf);
        if (!MerkleProof.verifyCalldata(proof, root, hash)) revert InvalidProof(leaf.runId, leaf.round, hash);
    }

    /// @dev A proof against an older round is fine: the grant is then that of the newest round already claimed from, so
    /// that nobody is shut out because others claimed first. A run's claims never reach another run's money, whatever
    /// its evaluators signed: they end at what its rounds granted, and that at what it was funded with.
    function _spend(uint256 runId, uint256 amount, uint256 granted) private returns (Budget memory budget) {
        budget = _budgets[runId];
        if (granted > budget.granted) {
            if (granted > _funded[runId]) revert InsufficientFunds(runId, _funded[runId], granted);
            // Cannot truncate: granted <= funded, which fits.
            budget.granted = uint104(granted);
        }
        uint256 claimedAfter = budget.claimed + amount;
        if (claimedAfter > budget.granted) revert MoreThanGranted(runId, claimedAfter, budget.granted);
        // Cannot truncate: claimedAfter <= granted, which fits.
        budget.claimed = uint104(claimedAfter);
        _budgets[runId] = budget;
    }

    /// @dev Locks the vested part of `amount` on top of what is locked; returns what is free now. The new end is the mean
    /// of both ends, by amount: claiming often neither hurries nor delays.
    function _lock(uint256 runId, uint256 memberId, uint256 amount, Budget memory budget)
        private
        returns (uint256 free)
    {
        // slither-disable-next-line divide-before-multiply -- what is locked is whole wei; its time is weighed afterwards
        uint256 added = (amount * budget.vestedBps) / BPS;
        free = amount - added + _free(runId, memberId);
        Vesting storage vesting = _vestings[runId][memberId];
        uint256 kept = vesting.locked;
        if (added == 0) return free;
        uint256 left = kept == 0 ? 0 : vesting.endsAt - block.timestamp;
        uint256 time = (kept * left + added * budget.vestingSeconds) / (kept + added);
        // Cannot truncate: at most what was granted, and a time between two uint40 spans.
        _vestings[runId][memberId] =
            Vesting(uint104(kept + added), uint40(block.timestamp), uint40(block.timestamp + time));
        emit RewardLocked(runId, memberId, added, uint48(block.timestamp + time));
    }

    /// @dev Takes what has vested out of the lock; the rest vests to the same end.
    function _free(uint256 runId, uint256 memberId) private returns (uint256 amount) {
        Vesting storage vesting = _vestings[runId][memberId];
        uint256 rest = unvested(runId, memberId);
        amount = vesting.locked - rest;
        if (amount == 0) return 0;
        // Cannot truncate: at most what was locked.
        vesting.locked = uint104(rest);
        vesting.startsAt = uint40(block.timestamp);
        emit RewardVested(runId, memberId, amount);
    }
}
