// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberRegistry} from "./IMemberRegistry.sol";
import {ISignedRequests} from "./ISignedRequests.sol";

/// @title What the community made and trains on: each artifact by its CID digest, licence and parents.
/// @notice EIP-712 domain: name "TenWings ArtifactRegistry", version "1".
interface IArtifactRegistry is ISignedRequests {
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

    /// @notice What a member signs to register an artifact. EIP-712 type:
    /// Registration(address account,uint8 kind,bytes cid,string licence,bytes32[] parents,uint64 deadline)
    /// @param account The registering member; also the signer.
    /// @param kind A value of Kind other than None.
    /// @param cid Binary CIDv1, 36 bytes.
    /// @param licence SPDX id out of the allowed list.
    /// @param parents Digests of the registered artifacts that this one was made from.
    /// @param deadline Last second (Unix time) at which the registration is valid.
    struct Registration {
        address account;
        uint8 kind;
        bytes cid;
        string licence;
        bytes32[] parents;
        uint64 deadline;
    }

    /// @notice `account` registered an artifact.
    event ArtifactRegistered(
        bytes32 indexed digest, Kind indexed kind, address indexed account, bytes cid, string licence, bytes32[] parents
    );

    /// @notice Governance allowed or forbade a licence for new artifacts; `licenceId` is its number for good.
    event LicenceSet(uint16 indexed licenceId, string licence, bool allowed);

    /// @notice The account is not an active member.
    error NotAnActiveMember(address account);

    /// @notice `kind` is None or unknown.
    error InvalidKind(uint8 kind);

    /// @notice The licence is not in the allowed list.
    error LicenceNotAllowed(string licence);

    /// @notice An artifact with this digest stands already, registered by `account`.
    error AlreadyRegistered(bytes32 digest, address account);

    /// @notice A parent is not registered.
    error UnknownParent(bytes32 parent);

    /// @notice Registers an artifact for the member who signed. Any relayer may call.
    /// @return digest The SHA-256 digest inside the CID; the artifact's id on chain.
    function register(Registration calldata registration, bytes calldata signature) external returns (bytes32 digest);

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

    /// @notice A licence by number (from 1): its SPDX id, and whether new artifacts may carry it.
    function licence(uint16 licenceId) external view returns (string memory spdxId, bool allowed);

    /// @notice How many licences were ever listed; the last number.
    function numLicences() external view returns (uint16);

    /// @notice Where members are looked up.
    function members() external view returns (IMemberRegistry);
}
