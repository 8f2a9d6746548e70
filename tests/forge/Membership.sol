// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {World} from "./World.sol";

/// @title A world whose trainer 0 signs what concerns its own membership.
abstract contract Membership is World {
    uint256 internal constant FRIEND = 0xF12;
    uint256 internal constant FRESH = 0xF2E;

    function _sign(uint256 key, bytes memory encoded) internal view returns (bytes memory) {
        return sign(key, typed("TenWings MemberRegistry", address(members), keccak256(encoded)));
    }

    function signChoice(uint256 recoveryKey) internal view returns (bytes memory) {
        bytes32 typehash =
            keccak256("RecoveryChoice(address account,address recovery,uint256 nonce,uint64 deadline)");
        uint256 nonce = members.nonces(trainer(0));
        return _sign(trainerKeys[0], abi.encode(typehash, trainer(0), vm.addr(recoveryKey), nonce, LATER));
    }

    function choose(uint256 recoveryKey) internal {
        uint256 nonce = members.nonces(trainer(0));
        members.setRecovery(trainer(0), vm.addr(recoveryKey), nonce, LATER, signChoice(recoveryKey));
    }
}
