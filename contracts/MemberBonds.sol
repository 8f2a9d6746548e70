// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMemberBonds} from "./interfaces/IMemberBonds.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {SignedRequests} from "./SignedRequests.sol";

/// @title Members' bonds and the pool of what was slashed or forfeited; part of the incident manager.
abstract contract MemberBonds is IMemberBonds, SignedRequests, Nonces {
    using SafeERC20 for IERC20;

    bytes32 private constant BOND_WITHDRAWAL_TYPEHASH =
        keccak256("BondWithdrawal(address account,uint96 amount,uint256 nonce,uint64 deadline)");

    uint48 private constant WITHDRAWAL_WINDOW_SECONDS = 7 days;

    IMemberRegistry internal immutable _members;
    IERC20 internal immutable _token;
    uint256 internal _pool;
    mapping(uint256 memberId => Bond) internal _bonds;

    constructor(IMemberRegistry members_, IERC20 token_) {
        _members = members_;
        _token = token_;
    }

    /// @inheritdoc IMemberBonds
    function deposit(uint256 memberId, uint256 amount) external {
        if (!_hasToken()) revert NoToken();
        _members.accountOf(memberId);
        _bonds[memberId].amount += SafeCast.toUint96(amount);
        emit BondDeposited(memberId, msg.sender, amount);
        _token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IMemberBonds
    function requestWithdrawal(address account, uint96 amount, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
    {
        uint256 memberId = _requireMember(account);
        Bond storage bond = _bonds[memberId];
        if (amount > bond.amount) revert BondTooSmall(memberId, bond.amount, amount);
        _useCheckedNonce(account, nonce);
        bytes32 structHash = keccak256(abi.encode(BOND_WITHDRAWAL_TYPEHASH, account, amount, nonce, deadline));
        _requireSigned(account, structHash, deadline, signature);
        (bond.leaving, bond.leavesFrom) = (amount, uint48(block.timestamp) + _withdrawalSeconds());
        emit BondWithdrawalRequested(memberId, amount, bond.leavesFrom);
    }

    /// @inheritdoc IMemberBonds
    function withdraw(uint256 memberId) external {
        Bond storage bond = _bonds[memberId];
        if (bond.openCases != 0) revert BondHeld(memberId, bond.openCases);
        uint48 from = bond.leavesFrom;
        if (bond.leaving == 0 || block.timestamp < from || block.timestamp >= from + WITHDRAWAL_WINDOW_SECONDS) {
            revert NothingToWithdraw(memberId, from);
        }
        uint96 amount = uint96(Math.min(bond.leaving, _unstaked(bond))); // a slash may have come in between
        bond.amount -= amount;
        (bond.leaving, bond.leavesFrom) = (0, 0);
        address account = _members.accountOf(memberId);
        emit BondWithdrawn(memberId, account, amount);
        _token.safeTransfer(account, amount);
    }

    /// @inheritdoc IMemberBonds
    function bondOf(uint256 memberId) external view returns (Bond memory) {
        return _bonds[memberId];
    }

    function _hasToken() internal view returns (bool) {
        return address(_token) != address(0);
    }

    function _withdrawalSeconds() internal view virtual returns (uint32);

    function _requireMember(address account) internal view returns (uint256 memberId) {
        (memberId,,,,) = _members.memberOf(account);
        if (memberId == 0) revert NotAMember(account);
    }

    /// @dev What is staked stays in the bond: a report hides nothing from a slash, and an accusation, which costs its
    /// author so little, takes nobody's right to report and to dispute.
    function _stake(uint256 memberId, uint96 amount) internal {
        if (amount == 0) return;
        Bond storage bond = _bonds[memberId];
        uint96 unstaked = _unstaked(bond);
        if (unstaked < amount) revert BondTooSmall(memberId, unstaked, amount);
        bond.staked += amount;
    }

    function _unstaked(Bond storage bond) internal view returns (uint96) {
        return bond.amount > bond.staked ? bond.amount - bond.staked : 0; // a slash takes what is staked, too
    }
}
