// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataAccess} from "./IDataAccess.sol";
import {IMemberRegistry} from "./IMemberRegistry.sol";

/// @title What the community made and trains on: each artifact by its CID digest, licence and parents.
/// @notice EIP-712 domain: name "TenWings ArtifactRegistry", version "1".
interface IArtifactRegistry is IDataAccess {
    enum Kind {
        None,
        Dataset,
        Checkpoint,
        Codec,
        Encoder,
        Release,
        Video,
        Report
    }

    /// @notice What an artifact may be used for. Superseded: its owner names a better one. Revoked: its owner stands by
    /// it no more. Frozen: an incident is looked into; ends by itself. TakenDown: by a vote or an incident, for good.
    enum State {
        None,
        Active,
        Superseded,
        Revoked,
        Frozen,
        TakenDown
    }

    /// @notice One artifact that was made from one taken down.
    /// @param digest The descendant.
    /// @param via 0 when the artifact taken down is its parent, else 1 + the place in the list of a parent of it.
    struct Descendant {
        bytes32 digest;
        uint16 via;
    }

    /// @notice What a member signs to register an artifact. EIP-712 type:
    /// Registration(address account,uint8 kind,bytes cid,string licence,bytes32[] parents,bool restricted,uint64 deadline)
    /// @param account The registering member; also the signer.
    /// @param kind A value of Kind other than None.
    /// @param cid Binary CIDv1, 36 bytes.
    /// @param licence SPDX id out of the allowed list.
    /// @param parents Digests of the registered artifacts that this one was made from; a release names a checkpoint first.
    /// @param restricted A dataset that only those may read whom its owner grants access; see {IDataAccess}.
    /// @param deadline Last second (Unix time) at which the registration is valid.
    struct Registration {
        address account;
        uint8 kind;
        bytes cid;
        string licence;
        bytes32[] parents;
        bool restricted;
        uint64 deadline;
    }

    /// @notice `account` registered an artifact.
    event ArtifactRegistered(
        bytes32 indexed digest,
        Kind indexed kind,
        address indexed account,
        bytes cid,
        string licence,
        bytes32[] parents,
        bool restricted
    );

    /// @notice Its owner names a better one.
    event ArtifactSuperseded(bytes32 indexed digest, bytes32 indexed by);

    /// @notice Its owner stands by it no more.
    event ArtifactRevoked(bytes32 indexed digest);

    /// @notice An incident froze it up to `until` (Unix seconds).
    event ArtifactFrozen(bytes32 indexed digest, uint48 until);

    /// @notice It is not frozen any more.
    event ArtifactUnfrozen(bytes32 indexed digest);

    /// @notice Taken down for good. `descendants` are the registered artifacts known to be made from it, each proved by
    /// its parents; the report at `reportCid` says why and names what the registry does not know.
    event ArtifactTakenDown(bytes32 indexed digest, address indexed by, bytes32[] descendants, bytes reportCid);

    /// @notice A vote stands behind this release.
    event ReleaseCertified(bytes32 indexed digest);

    /// @notice Governance allowed or forbade a licence for new artifacts; `licenceId` is its number for good.
    event LicenceSet(uint16 indexed licenceId, string licence, bool allowed);

    /// @notice `kind` is None or unknown.
    error InvalidKind(uint8 kind);

    /// @notice The licence is not in the allowed list.
    error LicenceNotAllowed(string licence);

    /// @notice An artifact with this digest stands already, registered by `account`.
    error AlreadyRegistered(bytes32 digest, address account);

    /// @notice A parent is not registered.
    error UnknownParent(bytes32 parent);

    /// @notice A parent is frozen or taken down: nothing new is made from it.
    error ParentNotUsable(bytes32 parent, State state);

    /// @notice Only a dataset can be restricted.
    error NotRestrictable(Kind kind);

    /// @notice A release names the checkpoint that it holds as its first parent.
    error ReleaseWithoutCheckpoint(bytes32 digest);

    /// @notice The artifact is in a state from which this cannot be done.
    error WrongState(bytes32 digest, State state);

    /// @notice An artifact cannot take the place of itself or of one of another kind.
    error NotASuccessor(bytes32 digest, bytes32 by);

    /// @notice A freeze ends between now and `latest`.
    error InvalidFreeze(uint48 until, uint256 latest);

    /// @notice `descendant` was not made from the artifact in its place of the list.
    error NotADescendant(bytes32 descendant, bytes32 parent);

    /// @notice The artifact is not a release.
    error NotARelease(bytes32 digest);

    /// @notice Registers an artifact for the member who signed. Any relayer may call.
    /// @return digest The SHA-256 digest inside the CID; the artifact's id on chain.
    function register(Registration calldata registration, bytes calldata signature) external returns (bytes32 digest);

    /// @notice Names a better artifact of the same kind. The owner signs
    /// Supersession(address owner,bytes32 digest,bytes32 by,uint64 deadline).
    function supersede(bytes32 digest, bytes32 by, uint64 deadline, bytes calldata signature) external;

    /// @notice Withdraws an artifact. The owner signs Withdrawal(address owner,bytes32 digest,uint64 deadline).
    function revoke(bytes32 digest, uint64 deadline, bytes calldata signature) external;

    /// @notice Stops new use up to `until`, at most 30 days ahead; then the earlier state is back. Only INCIDENT_ROLE.
    function freeze(bytes32 digest, uint48 until) external;

    /// @notice Ends a freeze. Only INCIDENT_ROLE.
    function unfreeze(bytes32 digest) external;

    /// @notice Takes an artifact down for good. Only GOVERNANCE_ROLE or INCIDENT_ROLE. Descendants keep their state;
    /// each must be made from the artifact itself or from an earlier one of the list.
    function takeDown(bytes32 digest, Descendant[] calldata descendants, bytes calldata reportCid) external;

    /// @notice Certifies an active release. Only GOVERNANCE_ROLE.
    function certifyRelease(bytes32 digest) external;

    /// @notice Allows or forbids an SPDX id for new artifacts. Only GOVERNANCE_ROLE.
    function setLicence(string calldata licence, bool allowed) external;

    /// @notice An artifact by digest; all zero if it is not registered.
    /// @return kind What it is.
    /// @return account Who registered it.
    /// @return licenceId See {licence}.
    /// @return registeredAt Unix seconds.
    function artifact(bytes32 digest)
        external
        view
        returns (Kind kind, address account, uint16 licenceId, uint64 registeredAt);

    /// @notice What it may be used for now.
    function stateOf(bytes32 digest) external view returns (State);

    /// @notice Whether it was registered as restricted, and whether a vote certified it.
    function marksOf(bytes32 digest) external view returns (bool restricted, bool certified);

    /// @notice Whether `child` was registered with `parent` as one of its parents.
    function isParent(bytes32 parent, bytes32 child) external view returns (bool);

    /// @notice The account that may supersede, revoke and grant: who registered it, at its present account.
    function ownerOf(bytes32 digest) external view returns (address);

    /// @notice A licence by number (from 1): its SPDX id, and whether new artifacts may carry it.
    function licence(uint16 licenceId) external view returns (string memory spdxId, bool allowed);

    /// @notice How many licences were ever listed; the last number.
    function numLicences() external view returns (uint16);

    /// @notice Where members are looked up.
    function members() external view returns (IMemberRegistry);
}
