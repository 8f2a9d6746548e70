// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Cids} from "./Cids.sol";
import {IArtifactRegistry} from "./interfaces/IArtifactRegistry.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {SignedRequests} from "./SignedRequests.sol";

contract ArtifactRegistry is IArtifactRegistry, SignedRequests, AccessControl {
    /// @dev One slot; 8 bits are free (a state fits).
    struct Artifact {
        address account;
        Kind kind;
        uint16 licenceId;
        uint64 registeredAt;
    }

    struct Licence {
        string spdxId;
        bool allowed;
    }

    /// @notice May change the list of licences. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    bytes32 private constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address account,uint8 kind,bytes cid,string licence,bytes32[] parents,uint64 deadline)"
    );

    IMemberRegistry private immutable _members;
    uint16 private _numLicences;
    mapping(uint16 licenceId => Licence) private _licences;
    mapping(string spdxId => uint16 licenceId) private _licenceIds;
    mapping(bytes32 digest => Artifact) private _artifacts;

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
        if (!_members.isActive(account, 0)) revert NotAnActiveMember(account);
        _requireSigned(account, _hash(registration), registration.deadline, signature);

        Kind kind = _kindOf(registration.kind);
        uint16 licenceId = _requireAllowed(registration.licence);
        digest = _requireNew(registration.cid);
        _requireRegistered(registration.parents);

        _artifacts[digest] = Artifact(account, kind, licenceId, uint64(block.timestamp));
        emit ArtifactRegistered(
            digest, kind, account, registration.cid, registration.licence, registration.parents
        );
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

    function _requireRegistered(bytes32[] calldata parents) private view {
        for (uint256 i = 0; i < parents.length; ++i) {
            if (_artifacts[parents[i]].kind == Kind.None) revert UnknownParent(parents[i]);
        }
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
                registration.deadline
            )
        );
    }
}
