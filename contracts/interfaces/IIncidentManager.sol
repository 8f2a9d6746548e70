// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberBonds} from "./IMemberBonds.sol";

/// @title Cases: reported by a member, contained at once for a while, decided by a vote, closed with a post-mortem.
/// @notice Past its deadline without a verdict a case lapses and everything contained is free again. EIP-712 domain: name
/// "TenWings IncidentManager", version "1".
interface IIncidentManager is IMemberBonds {
    enum Kind {
        None,
        HarmfulUpdate,
        BadRound,
        StolenData,
        LicenceBreach,
        NodeCompromise,
        Misconduct
    }

    /// @notice Malicious: dismissed, and the report itself was misconduct. Lapsed: no verdict in time.
    enum Status {
        None,
        Open,
        Upheld,
        Dismissed,
        Malicious,
        Lapsed
    }

    /// @notice What of a case is contained.
    enum Target {
        Run,
        Member,
        Artifact
    }

    /// @notice What a member signs to report. EIP-712 type: IncidentReport(address account,uint8 kind,uint8 severity,
    /// uint256 accusedId,uint256 runId,uint32 round,bytes32 artifact,bytes evidenceCid,uint256 nonce,uint64 deadline)
    /// (one line, no spaces after commas).
    /// @param severity 1 low, 2 medium, 3 high, 4 critical.
    /// @param accusedId Member whose conduct it is about; 0 for nobody.
    /// @param runId Run that it is about; 0 for none.
    /// @param round For BadRound the round that is disputed; else 0.
    /// @param artifact Artifact that it is about; 0 for none.
    /// @param nonce nonces(account).
    struct Report {
        address account;
        uint8 kind;
        uint8 severity;
        uint256 accusedId;
        uint256 runId;
        uint32 round;
        bytes32 artifact;
        bytes evidenceCid;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice A case as stored.
    /// @param contained Bit 1 << Target for each target that was contained.
    /// @param bond What the reporter put up, in wei.
    struct Case {
        uint64 reporterId;
        uint64 accusedId;
        Kind kind;
        uint8 severity;
        Status status;
        bool closed;
        uint48 deadline;
        uint8 contained;
        uint96 bond;
        uint64 runId;
        uint32 round;
        bytes32 artifact;
        bytes32 evidenceDigest;
    }

    /// @notice How much an upheld case takes from the accused, or what is left of it at the verdict where that is less.
    /// @param fromBond At most the bond.
    /// @param runId Run whose rewards are slashed; 0 for none.
    /// @param fromUnvested At most what has not vested.
    struct Slash {
        uint96 fromBond;
        uint256 runId;
        uint256 fromUnvested;
    }

    /// @param reportBond What a report costs until its verdict, in wei; 0 without a token.
    /// @param caseSeconds From a report to its deadline, at most 30 days.
    /// @param withdrawalSeconds From asking for a bond to having it.
    struct Settings {
        uint96 reportBond;
        uint32 caseSeconds;
        uint32 withdrawalSeconds;
    }

    /// @notice A member reported an incident.
    event IncidentReported(
        uint256 indexed caseId,
        uint256 indexed reporterId,
        uint256 indexed accusedId,
        Kind kind,
        uint8 severity,
        uint256 runId,
        uint32 round,
        bytes32 artifact,
        bytes evidenceCid,
        uint96 bond,
        uint48 deadline
    );

    /// @notice A responder contained a target of the case up to `until` (Unix seconds).
    event IncidentContained(uint256 indexed caseId, Target indexed target, uint48 until, address responder);

    /// @notice Everything contained in the case is free again.
    event IncidentReleased(uint256 indexed caseId);

    /// @notice A vote decided; `bondReturned` and `reward` went to the reporter's bond.
    event IncidentAdjudicated(
        uint256 indexed caseId, Status verdict, uint256 slashedBond, uint256 bondReturned, uint256 reward
    );

    /// @notice The deadline passed without a verdict; the reporter has its bond back.
    event IncidentLapsed(uint256 indexed caseId);

    /// @notice What was learned.
    event IncidentClosed(uint256 indexed caseId, bytes postMortemCid);

    /// @notice A vote changed the settings.
    event IncidentSettingsSet(uint96 reportBond, uint32 caseSeconds, uint32 withdrawalSeconds);

    /// @notice The account is no active member.
    error NotAnActiveMember(address account);

    /// @notice Unknown kind, severity outside 1 to 4, a member that accuses itself, or a bad round without its number.
    error InvalidReport(uint8 kind, uint8 severity, uint256 accusedId, uint256 runId, uint32 round);

    /// @notice The member reported less than a day ago; where no bond is at stake it can report again from `from` on.
    error ReportedRecently(uint256 memberId, uint256 from);

    /// @notice There is no such case.
    error UnknownCase(uint256 caseId);

    /// @notice The case is in a state in which this cannot be done.
    error WrongCaseState(uint256 caseId, Status status, uint48 deadline, bool closed);

    /// @notice A containment ends after now and at `latest` at the latest.
    error InvalidContainment(uint48 until, uint256 latest);

    /// @notice The case is about no such thing.
    error NothingToContain(uint256 caseId, Target target);

    /// @notice This was contained lately and cannot be contained again before `from`, whatever the case.
    error ContainedRecently(Target target, bytes32 subject, uint256 from);

    /// @notice A verdict is Upheld, Dismissed or Malicious.
    error NotAVerdict(Status verdict);

    /// @notice Only an upheld case against a member slashes.
    error CannotSlash(uint256 caseId);

    /// @notice A setting is out of its bounds.
    error InvalidSettings(uint96 reportBond, uint32 caseSeconds, uint32 withdrawalSeconds);

    /// @notice Opens a case. The bond is staked of the reporter's own. A bad round is disputed with it.
    function report(Report calldata report_, bytes calldata signature) external returns (uint256 caseId);

    /// @notice Pauses the case's run, bars the accused or freezes the artifact, up to `until`: at most 7 days and never
    /// past the deadline. The same thing is not contained again for 30 days after it. Only RESPONDER_ROLE.
    function contain(uint256 caseId, Target target, uint48 until) external;

    /// @notice Decides an open case before its deadline, and slashes. What this contract no longer holds the role for,
    /// since a vote replaced it, it leaves as it is. Only GOVERNANCE_ROLE.
    function adjudicate(uint256 caseId, Status verdict, Slash calldata slash) external;

    /// @notice Ends a case past its deadline, with what this contract still holds the roles for. Anyone may call.
    function lapse(uint256 caseId) external;

    /// @notice Closes a decided or lapsed case. Only RESPONDER_ROLE or GOVERNANCE_ROLE.
    function close(uint256 caseId, bytes calldata postMortemCid) external;

    /// @notice Changes the settings for cases to come. Only GOVERNANCE_ROLE.
    function setSettings(Settings calldata settings_) external;

    /// @notice A case; reverts with UnknownCase.
    function caseOf(uint256 caseId) external view returns (Case memory);

    /// @notice How many cases there ever were; the last id.
    function numCases() external view returns (uint256);

    /// @notice Slashed and forfeited wei, out of which reporters are rewarded.
    function pool() external view returns (uint256);

    /// @notice The settings in force.
    function settings() external view returns (Settings memory);
}
