// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ICharter} from "../interfaces/ICharter.sol";
import {IGuardian} from "../interfaces/IGuardian.sol";
import {ITenWingsGovernor} from "../interfaces/ITenWingsGovernor.sol";
import {PackedTally} from "./PackedTally.sol";

/// @title The kind of a proposal follows from its calls; its id binds the kind and the code that it calls.
abstract contract ProposalKinds is PackedTally {
    uint256 private constant KIND_MASK = 3;

    ICharter private immutable _charter;
    mapping(address target => mapping(bytes4 selector => uint256)) private _kinds; // 0: none set; else the kind + 1

    constructor(ICharter charter_, KindSetting[] memory settings) {
        _charter = charter_;
        for (uint256 i = 0; i < settings.length; ++i) _setKind(settings[i]);
    }

    /// @inheritdoc ITenWingsGovernor
    function setKind(KindSetting calldata setting) external onlyGovernance {
        _setKind(setting);
    }

    /// @inheritdoc ITenWingsGovernor
    function charter() public view returns (ICharter) {
        return _charter;
    }

    /// @inheritdoc ITenWingsGovernor
    function kindOf(address[] memory targets, bytes[] memory calldatas) public view returns (Kind kind) {
        address timelock = _executor();
        for (uint256 i = 0; i < targets.length; ++i) {
            Kind one = _kindOf(timelock, targets[i], bytes4(calldatas[i]));
            if (one > kind) kind = one;
        }
    }

    /// @notice The id binds the calls, the description, the code of every target, and in its lowest two bits the kind.
    /// The timelock runs what the governor executes and nothing else: so no call reaches other code than was voted on.
    function getProposalId(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public view override returns (uint256) {
        if (targets.length != values.length || targets.length != calldatas.length || targets.length == 0) {
            revert GovernorInvalidProposalLength(targets.length, calldatas.length, values.length);
        }
        bytes32[] memory codes = new bytes32[](targets.length);
        for (uint256 i = 0; i < targets.length; ++i) {
            if (targets[i].code.length != 0) codes[i] = targets[i].codehash; // dust gives an account a hash, but no code
        }
        uint256 id = uint256(keccak256(abi.encode(targets, values, calldatas, descriptionHash, codes)));
        return (id & ~KIND_MASK) | uint256(kindOf(targets, calldatas));
    }

    function _kindIn(uint256 proposalId) internal pure returns (Kind) {
        return Kind(proposalId & KIND_MASK);
    }

    /// @dev What decides who decides is fixed here, above any table: no vote of a lower kind can lower it.
    function _kindOf(address timelock, address target, bytes4 selector) private view returns (Kind) {
        if (target == address(this) || target == timelock || target == address(_charter)) return Kind.Constitutional;
        if (
            selector == IAccessControl.grantRole.selector || selector == IAccessControl.revokeRole.selector
                || selector == IAccessControl.renounceRole.selector || selector == IGuardian.appoint.selector
        ) return Kind.Constitutional;
        uint256 set = _kinds[target][selector];
        return set == 0 ? Kind.Standard : Kind(set - 1);
    }

    function _setKind(KindSetting memory setting) private {
        _kinds[setting.target][setting.selector] = uint256(setting.kind) + 1;
        emit KindSet(setting.target, setting.selector, setting.kind);
    }
}
