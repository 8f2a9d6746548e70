// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IDataAccess} from "./interfaces/IDataAccess.sol";
import {SignedRequests} from "./SignedRequests.sol";

/// @title Requests for and grants of access to restricted datasets; part of the artifact registry.
abstract contract DataAccess is IDataAccess, SignedRequests, Nonces {
    uint256 private constant MAX_PURPOSE_BYTES = 512;
    uint256 private constant MAX_WRAPPED_KEY_BYTES = 256;
    bytes32 private constant ACCESS_REQUEST_TYPEHASH = keccak256(
        "AccessRequest(address account,bytes32 digest,bytes32 encryptionKey,string purpose,uint256 nonce,uint64 deadline)"
    );
    bytes32 private constant ACCESS_GRANT_TYPEHASH = keccak256(
        "AccessGrant(address owner,bytes32 digest,address account,bytes wrappedKey,uint256 nonce,uint64 deadline)"
    );
    bytes32 private constant ACCESS_REVOCATION_TYPEHASH =
        keccak256("AccessRevocation(address owner,bytes32 digest,address account,uint256 nonce,uint64 deadline)");

    mapping(bytes32 digest => mapping(address account => Access)) private _access;

    /// @inheritdoc IDataAccess
    function requestAccess(AccessRequest calldata request, bytes calldata signature) external {
        _requireActiveMember(request.account);
        _requireRestricted(request.digest);
        _requireLength(bytes(request.purpose).length, MAX_PURPOSE_BYTES);
        if (request.encryptionKey == 0) revert EmptyEncryptionKey(request.account);
        _useCheckedNonce(request.account, request.nonce);
        _requireSigned(request.account, _hashRequest(request), request.deadline, signature);
        _access[request.digest][request.account] = Access.Requested;
        emit AccessRequested(request.digest, request.account, request.encryptionKey, request.purpose);
    }

    /// @inheritdoc IDataAccess
    function grantAccess(AccessGrant calldata grant, bytes calldata signature) external {
        _requireOwner(grant.digest, grant.owner);
        _requireRestricted(grant.digest);
        _requireActiveMember(grant.account);
        Access found = _access[grant.digest][grant.account];
        if (found != Access.Requested) revert WrongAccess(grant.digest, grant.account, found);
        _requireLength(grant.wrappedKey.length, MAX_WRAPPED_KEY_BYTES);
        _useCheckedNonce(grant.owner, grant.nonce);
        _requireSigned(grant.owner, _hashGrant(grant), grant.deadline, signature);
        _access[grant.digest][grant.account] = Access.Granted;
        emit AccessGranted(grant.digest, grant.account, grant.wrappedKey);
    }

    /// @inheritdoc IDataAccess
    function revokeAccess(AccessRevocation calldata revocation, bytes calldata signature) external {
        _requireOwner(revocation.digest, revocation.owner);
        Access found = _access[revocation.digest][revocation.account];
        if (found == Access.None) revert WrongAccess(revocation.digest, revocation.account, found);
        _useCheckedNonce(revocation.owner, revocation.nonce);
        bytes32 structHash = keccak256(
            abi.encode(
                ACCESS_REVOCATION_TYPEHASH,
                revocation.owner,
                revocation.digest,
                revocation.account,
                revocation.nonce,
                revocation.deadline
            )
        );
        _requireSigned(revocation.owner, structHash, revocation.deadline, signature);
        delete _access[revocation.digest][revocation.account];
        emit AccessRevoked(revocation.digest, revocation.account);
    }

    /// @inheritdoc IDataAccess
    function accessOf(bytes32 digest, address account) external view returns (Access) {
        return _access[digest][account];
    }

    function _requireActiveMember(address account) internal view virtual;

    function _requireOwner(bytes32 digest, address account) internal view virtual;

    /// @dev Reverts unless the digest is a restricted dataset that may be used.
    function _requireRestricted(bytes32 digest) internal view virtual;

    function _requireLength(uint256 length, uint256 maximum) private pure {
        if (length == 0 || length > maximum) revert InvalidLength(length, maximum);
    }

    function _hashRequest(AccessRequest calldata request) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ACCESS_REQUEST_TYPEHASH,
                request.account,
                request.digest,
                request.encryptionKey,
                keccak256(bytes(request.purpose)),
                request.nonce,
                request.deadline
            )
        );
    }

    function _hashGrant(AccessGrant calldata grant) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ACCESS_GRANT_TYPEHASH,
                grant.owner,
                grant.digest,
                grant.account,
                keccak256(grant.wrappedKey),
                grant.nonce,
                grant.deadline
            )
        );
    }
}
