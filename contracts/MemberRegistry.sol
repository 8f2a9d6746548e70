// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {AccountRecovery} from "./AccountRecovery.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {Roles} from "./Roles.sol";

contract MemberRegistry is IMemberRegistry, AccountRecovery, AccessControl {
    /// @dev One slot and the key. `suspended` is governance's word; a bar ends by itself and stands apart. What follows
    /// from these and the roles is `standing`, so that the check of a signature reads one number: the low 8 bits are the
    /// roles, above them the first second at which the member is active; 0 for who never joined.
    struct Member {
        uint64 id;
        bool suspended;
        bool left;
        uint48 joinedAt;
        uint48 barredUntil;
        uint56 standing;
        bytes32 nodeKeyDigest;
    }

    /// @notice May sign vouchers or call {join}. Held by founding admitters and by the timelock (admission by vote);
    /// DEFAULT_ADMIN_ROLE (the timelock) grants and revokes it.
    bytes32 public constant ADMITTER_ROLE = keccak256("ADMITTER_ROLE");
    /// @notice May suspend, restore and move members and set the recovery delay. Held by the timelock;
    /// DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");
    /// @notice May bar and unbar members. Held by the incident manager; DEFAULT_ADMIN_ROLE (the timelock) grants and
    /// revokes it.
    bytes32 public constant INCIDENT_ROLE = keccak256("INCIDENT_ROLE");

    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant MAX_BAR_SECONDS = 30 days;
    bytes32 private constant JOIN_REQUEST_TYPEHASH =
        keccak256("JoinRequest(address account,uint8 roles,bytes32 nodeKeyDigest,string name,uint64 deadline)");
    bytes32 private constant VOUCHER_TYPEHASH = keccak256("Voucher(address account,uint8 roles,uint64 deadline)");
    bytes32 private constant NODE_KEY_ROTATION_TYPEHASH =
        keccak256("NodeKeyRotation(address account,bytes32 nodeKeyDigest,uint256 nonce,uint64 deadline)");
    bytes32 private constant LEAVING_TYPEHASH = keccak256("Leaving(address account,uint256 nonce,uint64 deadline)");

    uint64 private _numMembers;
    mapping(address account => Member) private _members;
    mapping(uint256 memberId => address) private _accounts;
    mapping(bytes32 nodeKeyDigest => uint256 memberId) private _nodeKeyOwners;
    mapping(address account => uint256 memberId) private _formerly;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    /// @param recoveryDelaySeconds_ How long a member can stop a move, at first.
    constructor(address admin, uint32 recoveryDelaySeconds_)
        EIP712("TenWings MemberRegistry", "1")
        AccountRecovery(recoveryDelaySeconds_)
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IMemberRegistry
    function join(JoinRequest calldata request, bytes calldata memberSignature, bytes calldata voucherSignature)
        external
        returns (uint256 memberId)
    {
        _requireJoinable(request);
        _requireSigned(request.account, _hashJoin(request), request.deadline, memberSignature);
        address admitter = _requireVoucher(request, voucherSignature);

        memberId = ++_numMembers;
        _members[request.account] =
            Member(uint64(memberId), false, false, uint48(block.timestamp), 0, _standing(1, request.roles), bytes32(0));
        _accounts[memberId] = request.account;
        _takeNodeKey(request.account, request.nodeKeyDigest);
        emit MemberJoined(memberId, request.account, request.roles, request.nodeKeyDigest, request.name, admitter);
    }

    /// @inheritdoc IMemberRegistry
    function rotateNodeKey(address account, bytes32 nodeKeyDigest, uint64 deadline, bytes calldata signature)
        external
    {
        Member storage member = _members[account];
        if (!_isActive(member.standing)) revert NotAnActiveMember(account);
        bytes32 structHash = keccak256(
            abi.encode(NODE_KEY_ROTATION_TYPEHASH, account, nodeKeyDigest, _useNonce(account), deadline)
        );
        _requireSigned(account, structHash, deadline, signature);
        bytes32 oldDigest = member.nodeKeyDigest;
        _takeNodeKey(account, nodeKeyDigest);
        emit NodeKeyRotated(member.id, account, oldDigest, nodeKeyDigest);
    }

    /// @inheritdoc IMemberRegistry
    function setActive(uint256 memberId, bool active) external onlyRole(GOVERNANCE_ROLE) {
        Member storage member = _members[accountOf(memberId)];
        if (member.left) revert MemberHasLeft(memberId);
        member.suspended = !active;
        _restand(member);
        emit MemberActiveSet(memberId, active);
    }

    /// @inheritdoc IMemberRegistry
    function resign(address account, uint256 nonce, uint64 deadline, bytes calldata signature) external {
        uint256 memberId = _requireMember(account);
        _useCheckedNonce(account, nonce);
        bytes32 structHash = keccak256(abi.encode(LEAVING_TYPEHASH, account, nonce, deadline));
        _requireSigned(account, structHash, deadline, signature);
        _members[account].left = true;
        _restand(_members[account]);
        _forgetRecovery(memberId);
        emit MemberLeft(memberId, account);
    }

    /// @inheritdoc IMemberRegistry
    function bar(uint256 memberId, uint48 until) external onlyRole(INCIDENT_ROLE) {
        uint256 latest = block.timestamp + MAX_BAR_SECONDS;
        if (until <= block.timestamp || until > latest) revert InvalidBar(until, latest);
        _bar(memberId, until);
        emit MemberBarred(memberId, until);
    }

    /// @inheritdoc IMemberRegistry
    function unbar(uint256 memberId) external onlyRole(INCIDENT_ROLE) {
        _bar(memberId, 0);
        emit MemberUnbarred(memberId);
    }

    /// @inheritdoc IMemberRegistry
    function moveMember(uint256 memberId, address to) external onlyRole(GOVERNANCE_ROLE) {
        _move(memberId, to);
    }

    /// @inheritdoc IMemberRegistry
    function setRecoveryDelay(uint32 delaySeconds) external onlyRole(GOVERNANCE_ROLE) {
        _setDelay(delaySeconds);
    }

    /// @inheritdoc IMemberRegistry
    function memberOf(address account)
        external
        view
        returns (uint256 memberId, uint8 roles, bool active, uint64 joinedAt, bytes32 nodeKeyDigest)
    {
        Member storage member = _members[account];
        uint56 standing = member.standing;
        return (member.id, uint8(standing), _isActive(standing), member.joinedAt, member.nodeKeyDigest);
    }

    /// @inheritdoc IMemberRegistry
    function accountOf(uint256 memberId) public view returns (address account) {
        account = _accounts[memberId];
        if (account == address(0)) revert UnknownMember(memberId);
    }

    /// @inheritdoc IMemberRegistry
    function numMembers() external view returns (uint256) {
        return _numMembers;
    }

    /// @inheritdoc IMemberRegistry
    function isActive(address account, uint8 roles) external view returns (bool) {
        uint56 standing = _members[account].standing;
        return _isActive(standing) && (uint8(standing) & roles) == roles;
    }

    /// @inheritdoc IMemberRegistry
    function mayVote(address account) external view returns (bool) {
        uint256 from = _members[account].standing >> 8;
        return from != 0 && from != type(uint48).max;
    }

    /// @inheritdoc IMemberRegistry
    function presentAccount(address account) external view returns (address) {
        uint256 memberId = _formerly[account];
        return memberId == 0 ? account : _accounts[memberId];
    }

    /// @inheritdoc IMemberRegistry
    function barredUntil(uint256 memberId) external view returns (uint48) {
        return _members[accountOf(memberId)].barredUntil;
    }

    function _isActive(uint56 standing) private view returns (bool) {
        uint256 from = standing >> 8;
        return from != 0 && block.timestamp >= from;
    }

    function _standing(uint48 activeFrom, uint8 roles) private pure returns (uint56) {
        return (uint56(activeFrom) << 8) | roles;
    }

    function _bar(uint256 memberId, uint48 until) private {
        Member storage member = _members[accountOf(memberId)];
        member.barredUntil = until;
        _restand(member);
    }

    function _restand(Member storage member) private {
        uint48 from = member.barredUntil == 0 ? 1 : member.barredUntil;
        if (member.suspended || member.left) from = type(uint48).max;
        member.standing = _standing(from, uint8(member.standing));
    }

    function _requireMember(address account) internal view override returns (uint256 memberId) {
        memberId = _members[account].id;
        if (memberId == 0 || _members[account].left) revert NotAMember(account);
    }

    function _requireUnused(address account) internal view override {
        if (account == address(0) || _idOf(account) != 0) revert AccountTaken(account);
    }

    /// @dev The account that is left behind never serves a member again.
    function _move(uint256 memberId, address to) internal override {
        address from = accountOf(memberId);
        _requireUnused(to);
        if (_members[from].left) revert MemberHasLeft(memberId);
        _members[to] = _members[from];
        delete _members[from];
        _formerly[from] = memberId;
        _accounts[memberId] = to;
        _forgetRecovery(memberId);
        emit MemberMoved(memberId, from, to);
    }

    function _idOf(address account) private view returns (uint256 memberId) {
        memberId = _members[account].id;
        if (memberId == 0) memberId = _formerly[account];
    }

    function _requireJoinable(JoinRequest calldata request) private view {
        uint256 memberId = _idOf(request.account);
        if (memberId != 0) revert AlreadyMember(request.account, memberId);
        if (request.roles == 0 || request.roles > Roles.ALL) revert InvalidRoles(request.roles);
        uint256 length = bytes(request.name).length;
        if (length == 0 || length > MAX_NAME_BYTES) revert InvalidName(length, MAX_NAME_BYTES);
    }

    /// @dev The deadline was checked with the member's signature: the voucher shares it.
    function _requireVoucher(JoinRequest calldata request, bytes calldata signature)
        private
        view
        returns (address admitter)
    {
        admitter = msg.sender;
        if (signature.length != 0) {
            bytes32 structHash =
                keccak256(abi.encode(VOUCHER_TYPEHASH, request.account, request.roles, request.deadline));
            admitter = ECDSA.recoverCalldata(_hashTypedDataV4(structHash), signature);
        }
        if (!hasRole(ADMITTER_ROLE, admitter)) revert NotAnAdmitter(admitter);
    }

    /// @dev A key that was replaced stays taken: who replaced it had a reason not to trust it.
    function _takeNodeKey(address account, bytes32 nodeKeyDigest) private {
        if (nodeKeyDigest == 0) revert EmptyNodeKey(account);
        uint256 owner = _nodeKeyOwners[nodeKeyDigest];
        if (owner != 0) revert NodeKeyTaken(nodeKeyDigest, owner);
        _nodeKeyOwners[nodeKeyDigest] = _members[account].id;
        _members[account].nodeKeyDigest = nodeKeyDigest;
    }

    function _hashJoin(JoinRequest calldata request) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                JOIN_REQUEST_TYPEHASH,
                request.account,
                request.roles,
                request.nodeKeyDigest,
                keccak256(bytes(request.name)),
                request.deadline
            )
        );
    }
}
