// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Cids} from "./Cids.sol";
import {IArtifactRegistry} from "./interfaces/IArtifactRegistry.sol";
import {IIncidentManager} from "./interfaces/IIncidentManager.sol";
import {IDisputedRuns, ISlashedRewards} from "./interfaces/IIncidentTargets.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {MemberBonds} from "./MemberBonds.sol";

contract IncidentManager is IIncidentManager, MemberBonds, AccessControl {
    /// @dev The newest containment of one thing, by whichever case.
    struct Containment {
        uint128 caseId;
        uint64 againFrom;
    }

    /// @notice May contain and close. Held by the operator at first, and by whom a vote names; DEFAULT_ADMIN_ROLE
    /// (the timelock) grants and revokes it.
    bytes32 public constant RESPONDER_ROLE = keccak256("RESPONDER_ROLE");
    /// @notice May adjudicate, close and change the settings. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can
    /// take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    /// @dev What members, artifacts, runs and vault call the role by which this contract acts there.
    bytes32 private constant INCIDENT_ROLE = keccak256("INCIDENT_ROLE");
    uint256 private constant MAX_CONTAINMENT_SECONDS = 7 days;
    uint48 private constant COOLDOWN_SECONDS = 30 days;
    uint32 private constant MAX_CASE_SECONDS = 30 days;
    uint32 private constant MAX_WITHDRAWAL_SECONDS = 90 days;
    uint256 private constant REPORT_INTERVAL_SECONDS = 1 days;
    uint8 private constant MAX_SEVERITY = 4;
    bytes32 private constant INCIDENT_REPORT_TYPEHASH = keccak256(
        "IncidentReport(address account,uint8 kind,uint8 severity,uint256 accusedId,uint256 runId,uint32 round,"
        "bytes32 artifact,bytes evidenceCid,uint256 nonce,uint64 deadline)"
    );

    IDisputedRuns private immutable _runs;
    IArtifactRegistry private immutable _artifacts;
    ISlashedRewards private immutable _vault;
    Settings private _settings;
    uint256 private _numCases;
    mapping(uint256 caseId => Case) private _cases;
    mapping(bytes32 subject => Containment) private _containments;
    mapping(uint256 memberId => uint256) private _reportableFrom;

    /// @param token_ What bonds are in; zero in a network without a token, `vault_` too.
    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(
        IMemberRegistry members_,
        IArtifactRegistry artifacts_,
        IDisputedRuns runs_,
        ISlashedRewards vault_,
        IERC20 token_,
        Settings memory settings_,
        address admin
    ) EIP712("TenWings IncidentManager", "1") MemberBonds(members_, token_) {
        _artifacts = artifacts_;
        _runs = runs_;
        _vault = vault_;
        _setSettings(settings_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IIncidentManager
    function report(Report calldata report_, bytes calldata signature) external returns (uint256 caseId) {
        if (!_members.isActive(report_.account, 0)) revert NotAnActiveMember(report_.account);
        uint256 reporterId = _requireMember(report_.account);
        _requireReport(report_, reporterId);
        _useCheckedNonce(report_.account, report_.nonce);
        _requireSigned(report_.account, _hash(report_), report_.deadline, signature);
        uint96 bond = _settings.reportBond;
        if (bond == 0) _limit(reporterId);
        _stake(reporterId, bond);

        caseId = ++_numCases;
        _store(caseId, reporterId, bond, report_);
        if (report_.accusedId != 0) ++_bonds[report_.accusedId].openCases;
        if (Kind(report_.kind) == Kind.BadRound) _runs.dispute(report_.runId, report_.round);
    }

    /// @inheritdoc IIncidentManager
    function contain(uint256 caseId, Target target, uint48 until) external onlyRole(RESPONDER_ROLE) {
        Case storage found = _requireOpen(caseId);
        uint256 latest = Math.min(block.timestamp + MAX_CONTAINMENT_SECONDS, found.deadline);
        if (until <= block.timestamp || until > latest) revert InvalidContainment(until, latest);
        bytes32 subject = _subject(found, target);
        if (subject == 0) revert NothingToContain(caseId, target);
        Containment storage last = _containments[_key(target, subject)];
        if (block.timestamp < last.againFrom) revert ContainedRecently(target, subject, last.againFrom);

        (last.caseId, last.againFrom) = (uint128(caseId), until + COOLDOWN_SECONDS);
        found.contained |= _bit(target);
        emit IncidentContained(caseId, target, until, msg.sender);
        if (target == Target.Run) _runs.pause(found.runId, until);
        else if (target == Target.Member) _members.bar(found.accusedId, until);
        else _artifacts.freeze(found.artifact, until);
    }

    /// @inheritdoc IIncidentManager
    function adjudicate(uint256 caseId, Status verdict, Slash calldata slash) external onlyRole(GOVERNANCE_ROLE) {
        Case storage found = _requireOpen(caseId);
        if (verdict != Status.Upheld && verdict != Status.Dismissed && verdict != Status.Malicious) {
            revert NotAVerdict(verdict);
        }
        found.status = verdict;
        uint96 slashed = _slashBond(caseId, found, slash);
        (uint256 returned, uint256 reward) = _settleReporter(found);
        _endAccusation(found);
        emit IncidentAdjudicated(caseId, verdict, slashed, returned, reward);
        if (verdict != Status.Upheld) _release(caseId, found);
        _endDispute(found, verdict == Status.Upheld);
        if (slash.fromUnvested != 0) _vault.slashUnvested(slash.runId, found.accusedId, slash.fromUnvested);
    }

    /// @inheritdoc IIncidentManager
    function lapse(uint256 caseId) external {
        Case storage found = _existing(caseId);
        if (found.status != Status.Open || block.timestamp <= found.deadline) _revertState(caseId, found);
        found.status = Status.Lapsed;
        _settleReporter(found);
        _endAccusation(found);
        emit IncidentLapsed(caseId);
        _release(caseId, found);
        _endDispute(found, false);
    }

    /// @inheritdoc IIncidentManager
    function close(uint256 caseId, bytes calldata postMortemCid) external {
        if (!hasRole(RESPONDER_ROLE, msg.sender)) _checkRole(GOVERNANCE_ROLE);
        Case storage found = _existing(caseId);
        if (found.status == Status.Open || found.closed) _revertState(caseId, found);
        Cids.digest(postMortemCid);
        found.closed = true;
        emit IncidentClosed(caseId, postMortemCid);
        _release(caseId, found);
    }

    /// @inheritdoc IIncidentManager
    function setSettings(Settings calldata settings_) external onlyRole(GOVERNANCE_ROLE) {
        _setSettings(settings_);
    }

    /// @inheritdoc IIncidentManager
    function caseOf(uint256 caseId) external view returns (Case memory) {
        return _existing(caseId);
    }

    /// @inheritdoc IIncidentManager
    function numCases() external view returns (uint256) {
        return _numCases;
    }

    /// @inheritdoc IIncidentManager
    function pool() external view returns (uint256) {
        return _pool;
    }

    /// @inheritdoc IIncidentManager
    function settings() external view returns (Settings memory) {
        return _settings;
    }

    function _requireReport(Report calldata r, uint256 reporterId) private view {
        bool known = r.kind != 0 && r.kind <= uint8(type(Kind).max) && r.severity != 0 && r.severity <= MAX_SEVERITY;
        bool aboutRound = r.kind == uint8(Kind.BadRound);
        if (!known || r.accusedId == reporterId || aboutRound != (r.round != 0)) {
            revert InvalidReport(r.kind, r.severity, r.accusedId, r.runId, r.round);
        }
        if (r.accusedId != 0) _members.accountOf(r.accusedId);
    }

    /// @dev Where a report costs nothing, a member makes one a day.
    function _limit(uint256 memberId) private {
        uint256 from = _reportableFrom[memberId];
        if (block.timestamp < from) revert ReportedRecently(memberId, from);
        _reportableFrom[memberId] = block.timestamp + REPORT_INTERVAL_SECONDS;
    }

    function _store(uint256 caseId, uint256 reporterId, uint96 bond, Report calldata r) private {
        Case storage opened = _cases[caseId];
        opened.reporterId = uint64(reporterId);
        opened.accusedId = uint64(r.accusedId); // an existing member's id, hence small
        opened.kind = Kind(r.kind);
        opened.severity = r.severity;
        opened.status = Status.Open;
        opened.deadline = uint48(block.timestamp) + _settings.caseSeconds;
        opened.bond = bond;
        opened.runId = SafeCast.toUint64(r.runId);
        opened.round = r.round;
        opened.artifact = r.artifact;
        opened.evidenceDigest = Cids.digest(r.evidenceCid);
        _emitReported(caseId, opened, r.evidenceCid);
    }

    function _emitReported(uint256 caseId, Case memory c, bytes memory evidenceCid) private {
        emit IncidentReported(
            caseId,
            c.reporterId,
            c.accusedId,
            c.kind,
            c.severity,
            c.runId,
            c.round,
            c.artifact,
            evidenceCid,
            c.bond,
            c.deadline
        );
    }

    /// @dev What the vote takes from the accused's bond goes to the pool. The sums are of the day of the proposal: where
    /// less is left on the day of the verdict, it takes that.
    function _slashBond(uint256 caseId, Case storage found, Slash calldata slash) private returns (uint96 taken) {
        if (slash.fromBond == 0 && slash.fromUnvested == 0) return 0;
        if (found.status != Status.Upheld || found.accusedId == 0) revert CannotSlash(caseId);
        Bond storage bond = _bonds[found.accusedId];
        taken = uint96(Math.min(slash.fromBond, bond.amount));
        bond.amount -= taken;
        _pool += taken;
    }

    /// @dev Upheld: the bond back, and as much again as the pool has. Malicious: the bond goes to the pool.
    function _settleReporter(Case storage found) private returns (uint256 returned, uint256 reward) {
        uint96 bond = found.bond;
        Bond storage reporters = _bonds[found.reporterId];
        reporters.staked -= bond;
        if (found.status == Status.Malicious) {
            uint96 forfeited = uint96(Math.min(bond, reporters.amount));
            reporters.amount -= forfeited;
            _pool += forfeited;
            return (0, 0);
        }
        if (found.status == Status.Upheld) reward = Math.min(bond, _pool);
        _pool -= reward;
        reporters.amount += uint96(reward); // reward <= bond
        returned = bond;
    }

    function _endAccusation(Case storage found) private {
        if (found.accusedId != 0) --_bonds[found.accusedId].openCases;
    }

    function _release(uint256 caseId, Case storage found) private {
        uint8 contained = found.contained;
        if (contained == 0) return;
        found.contained = 0;
        emit IncidentReleased(caseId);
        if (_holds(caseId, found, contained, Target.Run)) _runs.unpause(found.runId);
        if (_holds(caseId, found, contained, Target.Member)) _members.unbar(found.accusedId);
        if (_holds(caseId, found, contained, Target.Artifact)) _artifacts.unfreeze(found.artifact);
    }

    function _endDispute(Case storage found, bool voided) private {
        if (found.kind != Kind.BadRound || !_actsOn(address(_runs))) return;
        _runs.settleDispute(found.runId, found.round, voided);
    }

    /// @dev A vote that replaced this contract took its roles: its cases still end and its bonds are paid back, and what
    /// they stopped is no longer its to set free. Asked before the call and not caught after it: who brings too little
    /// gas must not end a case without its effects.
    function _actsOn(address target) private view returns (bool) {
        return IAccessControl(target).hasRole(INCIDENT_ROLE, address(this));
    }

    /// @dev Not when a later case has contained the same thing since, nor once its own containment is over: what stops
    /// the thing then is somebody else's, the guardian's say.
    function _holds(uint256 caseId, Case storage found, uint8 contained, Target target) private view returns (bool) {
        if (contained & _bit(target) == 0 || !_actsOn(_contract(target))) return false;
        Containment storage last = _containments[_key(target, _subject(found, target))];
        return last.caseId == caseId && block.timestamp + COOLDOWN_SECONDS < last.againFrom;
    }

    function _key(Target target, bytes32 subject) private pure returns (bytes32) {
        return keccak256(abi.encode(target, subject));
    }

    function _setSettings(Settings memory s) private {
        bool bonded = s.reportBond != 0;
        bool inBounds = s.caseSeconds != 0 && s.caseSeconds <= MAX_CASE_SECONDS && s.withdrawalSeconds != 0
            && s.withdrawalSeconds <= MAX_WITHDRAWAL_SECONDS;
        if (!inBounds || bonded != _hasToken()) {
            revert InvalidSettings(s.reportBond, s.caseSeconds, s.withdrawalSeconds);
        }
        _settings = s;
        emit IncidentSettingsSet(s.reportBond, s.caseSeconds, s.withdrawalSeconds);
    }

    function _withdrawalSeconds() internal view override returns (uint32) {
        return _settings.withdrawalSeconds;
    }

    function _existing(uint256 caseId) private view returns (Case storage found) {
        found = _cases[caseId];
        if (found.status == Status.None) revert UnknownCase(caseId);
    }

    function _requireOpen(uint256 caseId) private view returns (Case storage found) {
        found = _existing(caseId);
        if (found.status != Status.Open || block.timestamp > found.deadline) _revertState(caseId, found);
    }

    function _revertState(uint256 caseId, Case storage found) private view {
        revert WrongCaseState(caseId, found.status, found.deadline, found.closed);
    }

    function _subject(Case storage found, Target target) private view returns (bytes32) {
        if (target == Target.Run) return bytes32(uint256(found.runId));
        if (target == Target.Member) return bytes32(uint256(found.accusedId));
        return found.artifact;
    }

    function _contract(Target target) private view returns (address) {
        if (target == Target.Run) return address(_runs);
        return target == Target.Member ? address(_members) : address(_artifacts);
    }

    function _bit(Target target) private pure returns (uint8) {
        return uint8(1 << uint8(target));
    }

    function _hash(Report calldata r) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                INCIDENT_REPORT_TYPEHASH,
                r.account,
                r.kind,
                r.severity,
                r.accusedId,
                r.runId,
                r.round,
                r.artifact,
                keccak256(r.evidenceCid),
                r.nonce,
                r.deadline
            )
        );
    }
}
