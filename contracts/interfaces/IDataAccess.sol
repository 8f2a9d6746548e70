// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISignedRequests} from "./ISignedRequests.sol";

/// @title Who may read a restricted dataset: members ask, its owner grants and revokes. Any relayer may bring these.
/// @notice The content is encrypted before it is stored; a grant carries the content key, sealed to the member's
/// encryption key. The chain cannot take back what a member has read: after a revocation the owner encrypts anew.
interface IDataAccess is ISignedRequests {
    enum Access {
        None,
        Requested,
        Granted
    }

    /// @notice What a member signs to ask. EIP-712 type:
    /// AccessRequest(address account,bytes32 digest,bytes32 encryptionKey,string purpose,uint256 nonce,uint64 deadline)
    /// @param encryptionKey X25519 public key that the content key is to be sealed to.
    /// @param purpose What for, 1 to 512 bytes, public.
    /// @param nonce nonces(account).
    struct AccessRequest {
        address account;
        bytes32 digest;
        bytes32 encryptionKey;
        string purpose;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice What the dataset's owner signs to grant. EIP-712 type:
    /// AccessGrant(address owner,bytes32 digest,address account,bytes wrappedKey,uint256 nonce,uint64 deadline)
    /// @param wrappedKey The content key, sealed to the account's encryption key; 1 to 256 bytes.
    /// @param nonce nonces(owner).
    struct AccessGrant {
        address owner;
        bytes32 digest;
        address account;
        bytes wrappedKey;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice What the dataset's owner signs to revoke. EIP-712 type:
    /// AccessRevocation(address owner,bytes32 digest,address account,uint256 nonce,uint64 deadline)
    struct AccessRevocation {
        address owner;
        bytes32 digest;
        address account;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice A member asks to read.
    event AccessRequested(bytes32 indexed digest, address indexed account, bytes32 encryptionKey, string purpose);

    /// @notice The owner lets a member read.
    event AccessGranted(bytes32 indexed digest, address indexed account, bytes wrappedKey);

    /// @notice The owner takes a request or a grant away.
    event AccessRevoked(bytes32 indexed digest, address indexed account);

    /// @notice The account is not an active member.
    error NotAnActiveMember(address account);

    /// @notice The digest is no restricted dataset.
    error NotRestricted(bytes32 digest);

    /// @notice Only the artifact's owner may do this.
    error NotTheOwner(bytes32 digest, address account, address owner);

    /// @notice The account's access is `found`; this needs another.
    error WrongAccess(bytes32 digest, address account, Access found);

    /// @notice A text or key of `length` bytes; it must have 1 to `maximum`.
    error InvalidLength(uint256 length, uint256 maximum);

    /// @notice An encryption key cannot be zero.
    error EmptyEncryptionKey(address account);

    /// @notice Asks, or asks again with another key; a grant to the earlier key ends.
    function requestAccess(AccessRequest calldata request, bytes calldata signature) external;

    /// @notice Lets in who asked.
    function grantAccess(AccessGrant calldata grant, bytes calldata signature) external;

    /// @notice Takes a grant away, or declines a request.
    function revokeAccess(AccessRevocation calldata revocation, bytes calldata signature) external;

    /// @notice Whether an account asked for or has access. The owner needs none.
    function accessOf(bytes32 digest, address account) external view returns (Access);
}
