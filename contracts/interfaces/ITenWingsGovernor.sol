// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICharter} from "./ICharter.sol";
import {IGovernorRules} from "./IGovernorRules.sol";
import {IMemberRegistry} from "./IMemberRegistry.sol";
import {IMeritEpochs} from "./IMeritEpochs.sol";
import {ISignedRequests} from "./ISignedRequests.sol";

/// @title Votes by merit: the weight is proved when voting, against the epoch that is final at the snapshot.
/// @notice OpenZeppelin's Governor with a timestamp clock; EIP-712 domain: name "TenWings Governor", version "1".
/// A ballot carries params = abi.encode(uint256 memberId, uint256 merit, uint256 weight, bytes32[] proof): use
/// castVoteWithReasonAndParams, or castVoteWithReasonAndParamsBySig for a ballot that a relayer brings; its voter signs
/// MeritBallot(uint256 proposalId,uint8 support,address voter,string reason,bytes params), without a nonce: one bit per
/// member and proposal makes a ballot count once.
/// A proposal's id is getProposalId, not hashProposal: it also binds the code of every target and, in its lowest two
/// bits, the kind. A proposal whose target got other code since, or whose calls are of another kind by now, has no id
/// any more and cannot be queued or executed.
/// Every description ends with the lines "#article=N" and "#proposer=0x", N being the article of the charter that the
/// proposal serves and the address the proposer's in lower case, so that nobody can take over a proposal.
interface ITenWingsGovernor is IGovernorRules, ISignedRequests {
    /// @notice What it takes to pass. The kind follows from the calls: the highest of theirs.
    /// Routine: passes unless the weight against reaches the veto share.
    /// Standard: the weight for reaches the quorum, and more is for than against. Calls that no table names are standard.
    /// Constitutional: both houses. By weight a higher quorum and a qualified majority; by heads more for than against, and
    /// a quorum of the epoch's members for. Calls to the governor, the timelock and the charter, changes of roles
    /// and the guardian's appointment always are.
    enum Kind {
        Routine,
        Standard,
        Constitutional
    }

    /// @notice The kind of one function's calls.
    struct KindSetting {
        address target;
        bytes4 selector;
        Kind kind;
    }

    /// @notice A member's signature under a proposal.
    struct Sponsor {
        address account;
        bytes signature;
    }

    /// @notice A ballot as its voter signed it.
    struct SignedBallot {
        uint256 proposalId;
        uint8 support;
        address voter;
        string reason;
        bytes params;
        bytes signature;
    }

    /// @notice What a proposal must reach; 0 where its kind asks for nothing of the sort.
    /// @param forWeight Weight that must be for.
    /// @param forHeads Members that must be for.
    /// @param majorityBps Share of the weight for or against that must be for; 0: more for than against.
    /// @param vetoWeight Weight against that stops it.
    struct Hurdles {
        uint256 forWeight;
        uint256 forHeads;
        uint256 majorityBps;
        uint256 vetoWeight;
    }

    /// @notice Calls of this function are of this kind from now on.
    event KindSet(address indexed target, bytes4 indexed selector, Kind kind);

    /// @notice A member other than the proposer signed the proposal.
    event ProposalSponsored(uint256 indexed proposalId, address indexed sponsor);

    /// @notice The outcome turned in the last quarter of the voting period: the vote ends later, once.
    event ProposalExtended(uint256 indexed proposalId, uint64 extendedDeadline);

    /// @notice A ballot of a batch did not count; the others did. `reason` is the revert data.
    event BallotRefused(uint256 indexed proposalId, address indexed voter, bytes reason);

    /// @notice A ballot without params cannot prove its weight; use castVoteWithReasonAndParams.
    error MeritProofRequired(address account);

    /// @notice The epoch's tree does not grant `account` this merit and weight as member `memberId`.
    error InvalidMeritProof(address account, uint256 epoch, uint256 memberId, uint256 merit, uint256 weight);

    /// @notice The account is not an active member.
    error NotAnActiveMember(address account);

    /// @notice No merit epoch is final at this time (Unix seconds): there are no weights to vote with.
    error NoFinalEpoch(uint256 timepoint);

    /// @notice A proposal needs its sponsors' signatures: use proposeBySig.
    error SponsorsRequired();

    /// @notice `given` members signed; a proposal of this kind needs `needed`.
    error TooFewSponsors(uint256 given, uint256 needed);

    /// @notice Sponsors must come in ascending order of their accounts, so that none counts twice.
    error SponsorsNotAscending(address previous, address account);

    /// @notice The proposer must be among the sponsors.
    error ProposerIsNoSponsor(address proposer);

    /// @notice The description's last line but one must be "#article=" and a number of 1 to 3 digits.
    error ArticleMissing();

    /// @notice A member has one routine proposal at a time before its voters: they pass in silence, and must be readable.
    error RoutineStillOpen(uint256 proposalId);

    /// @notice The charter has articles 1 to `numArticles`.
    error UnknownArticle(uint256 article, uint256 numArticles);

    /// @notice Proposes with the signatures of enough members, the proposer's among them; any relayer may call. Each signed
    /// ProposalBySig(address proposer,uint256 proposalId,uint64 deadline).
    /// @param deadline Last second (Unix time) at which the signatures are valid.
    /// @param sponsors In ascending order of their accounts (ERC-1271 for contract wallets).
    function proposeBySig(
        address proposer,
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        string calldata description,
        uint64 deadline,
        Sponsor[] calldata sponsors
    ) external returns (uint256 proposalId);

    /// @notice Counts relayed ballots; one that is refused (e.g. because it was counted before) leaves the others alone.
    /// @return numCounted How many counted.
    function castBallots(SignedBallot[] calldata ballots) external returns (uint256 numCounted);

    /// @notice Sets the kind of a function's calls. Only by a constitutional proposal. The governor, the timelock, the
    /// charter, changes of roles and the guardian's appointment stay constitutional whatever is set here.
    function setKind(KindSetting calldata setting) external;

    /// @notice The kind that these calls have together.
    function kindOf(address[] calldata targets, bytes[] calldata calldatas) external view returns (Kind);

    /// @notice Weights counted so far.
    function proposalVotes(uint256 proposalId)
        external
        view
        returns (uint256 againstWeight, uint256 forWeight, uint256 abstainWeight);

    /// @notice Members counted so far.
    function proposalHeads(uint256 proposalId)
        external
        view
        returns (uint256 againstHeads, uint256 forHeads, uint256 abstainHeads);

    /// @notice What a proposal must reach. Reverts with NoFinalEpoch when no epoch is final at its snapshot.
    function hurdles(uint256 proposalId) external view returns (Hurdles memory);

    /// @notice Where members are looked up.
    function members() external view returns (IMemberRegistry);

    /// @notice Where vote weights are proved.
    function epochs() external view returns (IMeritEpochs);

    /// @notice Whose articles proposals serve.
    function charter() external view returns (ICharter);
}
