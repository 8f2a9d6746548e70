// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {IGuardian} from "./interfaces/IGuardian.sol";
import {IRunDisputes} from "./interfaces/IRunDisputes.sol";

contract Guardian is IGuardian, AccessControl {
    /// @notice May name the guardian. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    uint256 private constant MAX_TERM = 366 days;

    IGovernor private immutable _governor;
    IRunDisputes private immutable _runs;
    address private _account;
    uint48 private _endsAt;
    bool private _armed;

    /// @param account The first guardian; the zero address for none.
    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(IGovernor governor_, IRunDisputes runs_, address account, uint48 endsAt, address admin) {
        _governor = governor_;
        _runs = runs_;
        _appoint(account, endsAt);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IGuardian
    function appoint(address account, uint48 endsAt) external onlyRole(GOVERNANCE_ROLE) {
        _appoint(account, endsAt);
    }

    /// @inheritdoc IGuardian
    function cancel(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId) {
        _use();
        proposalId = _governor.cancel(targets, values, calldatas, descriptionHash);
        emit GuardianCanceled(proposalId, msg.sender);
    }

    /// @inheritdoc IGuardian
    function pause(uint256 runId, uint48 until) external {
        _use();
        _runs.pause(runId, until);
        emit GuardianPaused(runId, msg.sender, until);
    }

    /// @inheritdoc IGuardian
    function guardian() external view returns (address account, uint48 endsAt, bool armed) {
        return (_account, _endsAt, _armed);
    }

    /// @inheritdoc IGuardian
    function governor() external view returns (IGovernor) {
        return _governor;
    }

    /// @inheritdoc IGuardian
    function runs() external view returns (IRunDisputes) {
        return _runs;
    }

    /// @dev A call that fails afterwards spends nothing: all of it is undone.
    function _use() private {
        if (!_armed || msg.sender != _account || block.timestamp >= _endsAt) revert NotTheGuardian(msg.sender);
        _armed = false;
    }

    function _appoint(address account, uint48 endsAt) private {
        bool inTime = endsAt > block.timestamp && endsAt <= block.timestamp + MAX_TERM;
        if (account != address(0) && !inTime) revert InvalidTerm(endsAt);
        _account = account;
        _endsAt = endsAt;
        _armed = account != address(0);
        emit GuardianAppointed(account, endsAt);
    }
}
