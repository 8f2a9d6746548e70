// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Cids} from "./Cids.sol";
import {DataAccess} from "./DataAccess.sol";
import {IArtifactRegistry} from "./interfaces/IArtifactRegistry.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";

contract ArtifactRegistry is IArtifactRegistry, DataAccess, AccessControl {
    /// @dev One slot, full. `state` is never Frozen: a freeze ends by itself and lies apart.
    struct Artifact {
        address account;
        Kind kind;
        uint16 licenceId;
        uint48 registeredAt;
        State state;
        bool restricted;
        bool certified;
    }

    struct Licence {
        string spdxId;
        bool allowed;
    }

    /// @notice May change the list of licences, take down and certify. Held by the timelock; DEFAULT_ADMIN_ROLE (the
    /// timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");
    /// @notice May freeze, unfreeze and take down. Held by the incident manager; DEFAULT_ADMIN_ROLE (the timelock) grants
    /// and revokes it.
    bytes32 public constant INCIDENT_ROLE = keccak256("INCIDENT_ROLE");

    uint256 private constant MAX_FREEZE_SECONDS = 30 days;
    bytes32 private constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address account,uint8 kind,bytes cid,string licence,bytes32[] parents,bool restricted,uint64 deadline)"
    );
    bytes32 private constant SUPERSESSION_TYPEHASH =
        keccak256("Supersession(address owner,bytes32 digest,bytes32 by,uint64 deadline)");
    bytes32 private constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address owner,bytes32 digest,uint64 deadline)");

    IMemberRegistry private immutable _members;
    uint16 private _numLicences;
    mapping(uint16 licenceId => Licence) private _licences;
    mapping(string spdxId => uint16 licenceId) private _licenceIds;
    mapping(bytes32 digest => Artifact) private _artifacts;
    mapping(bytes32 digest => uint48) private _frozenUntil;
    mapping(bytes32 parent => mapping(bytes32 child => bool)) private _isParent;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    /// @param licences SPDX ids allowed from the start.
    constructor(IMemberRegistry members_, address admin, string[] memory licences)
        EIP712("TenWings ArtifactRegistry", "1")
    {
        _members = members_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        for (uint256 i = 0; i < licences.length; ++i) {
            _setLicence(licences[i], true);
        }
    }

    /// @inheritdoc IArtifactRegistry
    function register(Registration calldata registration, bytes calldata signature)
        external
        returns (bytes32 digest)
    {
        address account = registration.account;
        _requireActiveMember(account);
        _requireSigned(account, _hash(registration), registration.deadline, signature);

        Kind kind = _kindOf(registration.kind);
        uint16 licenceId = _requireAllowed(registration.licence);
        digest = _requireNew(registration.cid);
        if (registration.restricted && kind != Kind.Dataset) revert NotRestrictable(kind);
        _link(digest, kind, registration.parents);

        _artifacts[digest] = Artifact(
            account, kind, licenceId, uint48(block.timestamp), State.Active, registration.restricted, false
        );
        _emitRegistered(digest, kind, registration);
    }

    /// @inheritdoc IArtifactRegistry
    function supersede(bytes32 digest, bytes32 by, uint64 deadline, bytes calldata signature) external {
        address owner = _requireOwned(digest);
        _requireState(digest, State.Active);
        _requireState(by, State.Active);
        if (by == digest || _artifacts[by].kind != _artifacts[digest].kind) revert NotASuccessor(digest, by);
        bytes32 structHash = keccak256(abi.encode(SUPERSESSION_TYPEHASH, owner, digest, by, deadline));
        _requireSigned(owner, structHash, deadline, signature);
        _artifacts[digest].state = State.Superseded;
        emit ArtifactSuperseded(digest, by);
    }

    /// @inheritdoc IArtifactRegistry
    function revoke(bytes32 digest, uint64 deadline, bytes calldata signature) external {
        address owner = _requireOwned(digest);
        State found = stateOf(digest);
        if (found != State.Active && found != State.Superseded) revert WrongState(digest, found);
        bytes32 structHash = keccak256(abi.encode(WITHDRAWAL_TYPEHASH, owner, digest, deadline));
        _requireSigned(owner, structHash, deadline, signature);
        _artifacts[digest].state = State.Revoked;
        emit ArtifactRevoked(digest);
    }

    /// @inheritdoc IArtifactRegistry
    function freeze(bytes32 digest, uint48 until) external onlyRole(INCIDENT_ROLE) {
        State stored = _artifacts[digest].state;
        if (stored == State.None || stored == State.TakenDown) revert WrongState(digest, stored);
        uint256 latest = block.timestamp + MAX_FREEZE_SECONDS;
        if (until <= block.timestamp || until > latest) revert InvalidFreeze(until, latest);
        _frozenUntil[digest] = until;
        emit ArtifactFrozen(digest, until);
    }

    /// @inheritdoc IArtifactRegistry
    function unfreeze(bytes32 digest) external onlyRole(INCIDENT_ROLE) {
        delete _frozenUntil[digest];
        emit ArtifactUnfrozen(digest);
    }

    /// @inheritdoc IArtifactRegistry
    function takeDown(bytes32 digest, Descendant[] calldata descendants, bytes calldata reportCid) external {
        if (!hasRole(INCIDENT_ROLE, msg.sender)) _checkRole(GOVERNANCE_ROLE);
        State stored = _artifacts[digest].state;
        if (stored == State.None || stored == State.TakenDown) revert WrongState(digest, stored);
        Cids.digest(reportCid);
        bytes32[] memory named = _requireDescendants(digest, descendants);
        _artifacts[digest].state = State.TakenDown;
        emit ArtifactTakenDown(digest, msg.sender, named, reportCid);
    }

    /// @inheritdoc IArtifactRegistry
    function certifyRelease(bytes32 digest) external onlyRole(GOVERNANCE_ROLE) {
        if (_artifacts[digest].kind != Kind.Release) revert NotARelease(digest);
        _requireState(digest, State.Active);
        _artifacts[digest].certified = true;
        emit ReleaseCertified(digest);
    }

    /// @inheritdoc IArtifactRegistry
    function setLicence(string calldata spdxId, bool allowed) external onlyRole(GOVERNANCE_ROLE) {
        _setLicence(spdxId, allowed);
    }

    /// @inheritdoc IArtifactRegistry
    function artifact(bytes32 digest)
        external
        view
        returns (Kind kind, address account, uint16 licenceId, uint64 registeredAt)
    {
        Artifact storage found = _artifacts[digest];
        return (found.kind, found.account, found.licenceId, found.registeredAt);
    }

    /// @inheritdoc IArtifactRegistry
    function stateOf(bytes32 digest) public view returns (State stored) {
        stored = _artifacts[digest].state;
        if (stored != State.TakenDown && block.timestamp < _frozenUntil[digest]) return State.Frozen;
    }

    /// @inheritdoc IArtifactRegistry
    function marksOf(bytes32 digest) external view returns (bool restricted, bool certified) {
        Artifact storage found = _artifacts[digest];
        return (found.restricted, found.certified);
    }

    /// @inheritdoc IArtifactRegistry
    function isParent(bytes32 parent, bytes32 child) external view returns (bool) {
        return _isParent[parent][child];
    }

    /// @inheritdoc IArtifactRegistry
    function ownerOf(bytes32 digest) public view returns (address) {
        return _members.presentAccount(_artifacts[digest].account);
    }

    /// @inheritdoc IArtifactRegistry
    function licence(uint16 licenceId) external view returns (string memory spdxId, bool allowed) {
        Licence storage found = _licences[licenceId];
        return (found.spdxId, found.allowed);
    }

    /// @inheritdoc IArtifactRegistry
    function numLicences() external view returns (uint16) {
        return _numLicences;
    }

    /// @inheritdoc IArtifactRegistry
    function members() external view returns (IMemberRegistry) {
        return _members;
    }

    function _setLicence(string memory spdxId, bool allowed) private {
        uint16 licenceId = _licenceIds[spdxId];
        if (licenceId == 0) {
            licenceId = ++_numLicences;
            _licenceIds[spdxId] = licenceId;
            _licences[licenceId].spdxId = spdxId;
        }
        _licences[licenceId].allowed = allowed;
        emit LicenceSet(licenceId, spdxId, allowed);
    }

    function _kindOf(uint8 kind) private pure returns (Kind) {
        if (kind == 0 || kind > uint8(type(Kind).max)) revert InvalidKind(kind);
        return Kind(kind);
    }

    function _requireAllowed(string calldata spdxId) private view returns (uint16 licenceId) {
        licenceId = _licenceIds[spdxId];
        if (!_licences[licenceId].allowed) revert LicenceNotAllowed(spdxId);
    }

    function _requireNew(bytes calldata cid) private view returns (bytes32 digest) {
        digest = Cids.digest(cid);
        address account = _artifacts[digest].account;
        if (account != address(0)) revert AlreadyRegistered(digest, account);
    }

    function _link(bytes32 digest, Kind kind, bytes32[] calldata parents) private {
        if (kind == Kind.Release && (parents.length == 0 || _artifacts[parents[0]].kind != Kind.Checkpoint)) {
            revert ReleaseWithoutCheckpoint(digest);
        }
        for (uint256 i = 0; i < parents.length; ++i) {
            State found = stateOf(parents[i]);
            if (found == State.None) revert UnknownParent(parents[i]);
            if (found == State.Frozen || found == State.TakenDown) revert ParentNotUsable(parents[i], found);
            _isParent[parents[i]][digest] = true;
        }
    }

    /// @dev Each is a child of the artifact itself or of an earlier one in the list: a chain of signed registrations.
    function _requireDescendants(bytes32 digest, Descendant[] calldata descendants)
        private
        view
        returns (bytes32[] memory named)
    {
        named = new bytes32[](descendants.length);
        for (uint256 i = 0; i < descendants.length; ++i) {
            uint256 via = descendants[i].via;
            bytes32 parent = via == 0 ? digest : via > i ? bytes32(0) : named[via - 1];
            named[i] = descendants[i].digest;
            if (via > i || !_isParent[parent][named[i]]) revert NotADescendant(named[i], parent);
        }
    }

    function _requireOwned(bytes32 digest) private view returns (address owner) {
        owner = ownerOf(digest);
        _requireActiveMember(owner);
    }

    function _requireState(bytes32 digest, State wanted) private view {
        State found = stateOf(digest);
        if (found != wanted) revert WrongState(digest, found);
    }

    function _requireActiveMember(address account) internal view override {
        if (!_members.isActive(account, 0)) revert NotAnActiveMember(account);
    }

    function _requireOwner(bytes32 digest, address account) internal view override {
        address owner = ownerOf(digest);
        if (account != owner) revert NotTheOwner(digest, account, owner);
        _requireActiveMember(account);
    }

    function _requireRestricted(bytes32 digest) internal view override {
        if (!_artifacts[digest].restricted) revert NotRestricted(digest);
        State found = stateOf(digest);
        if (found == State.TakenDown || found == State.Frozen) revert WrongState(digest, found);
    }

    /// @dev Parameters come in memory: there a dynamic field takes one place on the stack, in calldata two.
    function _emitRegistered(bytes32 digest, Kind kind, Registration memory r) private {
        emit ArtifactRegistered(digest, kind, r.account, r.cid, r.licence, r.parents, r.restricted);
    }

    function _hash(Registration calldata registration) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                REGISTRATION_TYPEHASH,
                registration.account,
                registration.kind,
                keccak256(registration.cid),
                keccak256(bytes(registration.licence)),
                keccak256(abi.encodePacked(registration.parents)),
                registration.restricted,
                registration.deadline
            )
        );
    }
}
