// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccountRecovery} from "./IAccountRecovery.sol";

/// @title Who belongs to Ten Wings: one record per member, soulbound: it cannot be sold, only moved by recovery or a vote.
/// @notice Any relayer may bring a signed request, so a member needs no gas.
/// EIP-712 domain: name "TenWings MemberRegistry", version "1".
interface IMemberRegistry is IAccountRecovery {
    /// @notice What an account signs to join. EIP-712 type:
    /// JoinRequest(address account,uint8 roles,bytes32 nodeKeyDigest,string name,uint64 deadline)
    /// @param account The joining account; also the signer.
    /// @param roles Bit mask: TRAINER 1, EVALUATOR 2, CURATOR 4.
    /// @param nodeKeyDigest SHA-256 of the public key by which the member's node speaks to the coordinator.
    /// @param name Name shown to people, 1 to 64 bytes; not unique.
    /// @param deadline Last second (Unix time) at which the request is valid.
    struct JoinRequest {
        address account;
        uint8 roles;
        bytes32 nodeKeyDigest;
        string name;
        uint64 deadline;
    }

    /// @notice `account` became member `memberId`, let in by `admitter`.
    event MemberJoined(
        uint256 indexed memberId,
        address indexed account,
        uint8 roles,
        bytes32 nodeKeyDigest,
        string name,
        address admitter
    );

    /// @notice The member's node now speaks with another key.
    event NodeKeyRotated(uint256 indexed memberId, address indexed account, bytes32 oldDigest, bytes32 newDigest);

    /// @notice Governance suspended (`active` false) or restored a member.
    event MemberActiveSet(uint256 indexed memberId, bool active);

    /// @notice The member left by its own signature, for good.
    event MemberLeft(uint256 indexed memberId, address indexed account);

    /// @notice An incident bars the member up to `until` (Unix seconds).
    event MemberBarred(uint256 indexed memberId, uint48 until);

    /// @notice The member is not barred any more.
    event MemberUnbarred(uint256 indexed memberId);

    /// @notice Who left does not come back under the same id.
    error MemberHasLeft(uint256 memberId);

    /// @notice A bar ends between now and `latest`.
    error InvalidBar(uint48 until, uint256 latest);

    /// @notice `account` is or was the account of member `memberId`.
    error AlreadyMember(address account, uint256 memberId);

    /// @notice `account` never joined, or is suspended.
    error NotAnActiveMember(address account);

    /// @notice There is no member with this id.
    error UnknownMember(uint256 memberId);

    /// @notice `roles` is empty or holds an unknown bit.
    error InvalidRoles(uint8 roles);

    /// @notice The name has `length` bytes; it must have 1 to `maximum`.
    error InvalidName(uint256 length, uint256 maximum);

    /// @notice The digest of a node key cannot be zero.
    error EmptyNodeKey(address account);

    /// @notice The key serves member `memberId`, or served it before; one key never serves two members or twice.
    error NodeKeyTaken(bytes32 nodeKeyDigest, uint256 memberId);

    /// @notice The voucher was signed by (or, with an empty voucher, the call came from) an account without
    /// ADMITTER_ROLE. A voucher for other roles or another deadline also ends here, with a random address.
    error NotAnAdmitter(address signer);

    /// @notice Adds a member. An empty `voucherSignature` means that the caller itself is the admitter (so that a vote
    /// can admit through the timelock).
    /// @param memberSignature The account's signature over the request (ERC-1271 for contract wallets).
    /// @param voucherSignature An admitter's signature over
    /// Voucher(address account,uint8 roles,uint64 deadline) with the request's values.
    /// @return memberId Ids count from 1 in order of joining.
    function join(JoinRequest calldata request, bytes calldata memberSignature, bytes calldata voucherSignature)
        external
        returns (uint256 memberId);

    /// @notice Replaces the node key of an active member. The account signs
    /// NodeKeyRotation(address account,bytes32 nodeKeyDigest,uint256 nonce,uint64 deadline), with nonce = nonces(account).
    function rotateNodeKey(address account, bytes32 nodeKeyDigest, uint64 deadline, bytes calldata signature) external;

    /// @notice Suspends or restores a member. Only GOVERNANCE_ROLE.
    function setActive(uint256 memberId, bool active) external;

    /// @notice Leaves for good. The member signs Leaving(address account,uint256 nonce,uint64 deadline), with
    /// nonce = nonces(account).
    function resign(address account, uint256 nonce, uint64 deadline, bytes calldata signature) external;

    /// @notice Bars a member up to `until`, at most 30 days ahead; it ends by itself. Only INCIDENT_ROLE.
    function bar(uint256 memberId, uint48 until) external;

    /// @notice Ends a bar. Only INCIDENT_ROLE.
    function unbar(uint256 memberId) external;

    /// @notice Moves a member to another account by a vote. Only GOVERNANCE_ROLE.
    function moveMember(uint256 memberId, address to) external;

    /// @notice Changes how long a member can stop a move. Only GOVERNANCE_ROLE.
    function setRecoveryDelay(uint32 delaySeconds) external;

    /// @notice The record of an account; all zero if it never joined.
    /// @return memberId From 1.
    /// @return roles Bit mask.
    /// @return active Neither suspended nor barred, and has not left.
    /// @return joinedAt Unix seconds.
    /// @return nodeKeyDigest SHA-256 of the node's present public key.
    function memberOf(address account)
        external
        view
        returns (uint256 memberId, uint8 roles, bool active, uint64 joinedAt, bytes32 nodeKeyDigest);

    /// @notice The account of a member; reverts with UnknownMember.
    function accountOf(uint256 memberId) external view returns (address);

    /// @notice The present account of the member whose account this is or was; the account itself for others.
    function presentAccount(address account) external view returns (address);

    /// @notice The last second of a member's bar; 0 if there is none.
    function barredUntil(uint256 memberId) external view returns (uint48);

    /// @notice How many members ever joined; the last id.
    function numMembers() external view returns (uint256);

    /// @notice Whether the account is an active member with ALL bits of `roles`; 0 asks for membership alone.
    function isActive(address account, uint8 roles) external view returns (bool);

    /// @notice Whether the account is a member that has not left and that no vote has suspended. A bar, which one responder
    /// can lay on anybody, takes nobody's vote.
    function mayVote(address account) external view returns (bool);
}
