// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {Roles} from "./Roles.sol";
import {SignedRequests} from "./SignedRequests.sol";

contract MemberRegistry is IMemberRegistry, SignedRequests, AccessControl, Nonces {
    /// @dev One slot and the key. Free bits of the first slot: 96 (a bond fits).
    struct Member {
        uint64 id;
        uint8 roles;
        bool active;
        uint64 joinedAt;
        bytes32 nodeKeyDigest;
    }

    /// @notice May sign vouchers. Held by founding admitters; DEFAULT_ADMIN_ROLE (the timelock) grants and revokes it.
    bytes32 public constant ADMITTER_ROLE = keccak256("ADMITTER_ROLE");
    /// @notice May suspend and restore members. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    uint256 private constant MAX_NAME_BYTES = 64;
    bytes32 private constant JOIN_REQUEST_TYPEHASH =
        keccak256("JoinRequest(address account,uint8 roles,bytes32 nodeKeyDigest,string name,uint64 deadline)");
    bytes32 private constant VOUCHER_TYPEHASH = keccak256("Voucher(address account,uint8 roles,uint64 deadline)");
    bytes32 private constant NODE_KEY_ROTATION_TYPEHASH =
        keccak256("NodeKeyRotation(address account,bytes32 nodeKeyDigest,uint256 nonce,uint64 deadline)");

    uint64 private _numMembers;
    mapping(address account => Member) private _members;
    mapping(uint256 memberId => address) private _accounts;
    mapping(bytes32 nodeKeyDigest => uint256 memberId) private _nodeKeyOwners;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(address admin) EIP712("TenWings MemberRegistry", "1") {
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
            Member(uint64(memberId), request.roles, true, uint64(block.timestamp), bytes32(0));
        _accounts[memberId] = request.account;
        _takeNodeKey(request.account, request.nodeKeyDigest);
        emit MemberJoined(memberId, request.account, request.roles, request.nodeKeyDigest, request.name, admitter);
    }

    /// @inheritdoc IMemberRegistry
    function rotateNodeKey(address account, bytes32 nodeKeyDigest, uint64 deadline, bytes calldata signature)
        external
    {
        Member storage member = _members[account];
        if (!member.active) revert NotAnActiveMember(account);
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
        _members[accountOf(memberId)].active = active;
        emit MemberActiveSet(memberId, active);
    }

    /// @inheritdoc IMemberRegistry
    function memberOf(address account)
        external
        view
        returns (uint256 memberId, uint8 roles, bool active, uint64 joinedAt, bytes32 nodeKeyDigest)
    {
        Member storage member = _members[account];
        return (member.id, member.roles, member.active, member.joinedAt, member.nodeKeyDigest);
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
        Member storage member = _members[account];
        return member.active && (member.roles & roles) == roles;
    }

    function _requireJoinable(JoinRequest calldata request) private view {
        uint256 memberId = _members[request.account].id;
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
