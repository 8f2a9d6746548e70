// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Driven} from "./Driven.sol";
import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";

/// @title Artifacts driven at random: made from each other, superseded, revoked, frozen, taken down.
contract ArtifactsHandler is World {
    bytes32[] public made;
    mapping(bytes32 digest => bytes32) public parentOf;
    mapping(bytes32 digest => bool) public down;

    function setUp() public override {
        super.setUp();
        made.push(dataset);
    }

    /// @dev From nothing, so that there is always something left to live on.
    function begin() external {
        _make(0, new bytes32[](0));
    }

    function make(uint256 parentSeed) external {
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = made[parentSeed % made.length];
        _make(parents[0], parents);
    }

    /// @dev Attack: made from what nobody registered.
    function attack_parent(bytes32 seed) external {
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = keccak256(abi.encode("made up", seed)); // forge knows registered digests and would offer them
        _make(parents[0], parents);
    }

    function _make(bytes32 parent, bytes32[] memory parents) private {
        bytes32 digest = keccak256(abi.encode(made.length));
        IArtifactRegistry.Registration memory r = IArtifactRegistry.Registration(
            trainer(0), uint8(IArtifactRegistry.Kind.Dataset), cid(digest), "Apache-2.0", parents, false, LATER
        );
        artifacts.register(r, signRegistration(trainerKeys[0], r));
        made.push(digest);
        parentOf[digest] = parent;
    }

    function supersede(uint256 a, uint256 b) external {
        (bytes32 digest, bytes32 by) = (made[a % made.length], made[b % made.length]);
        bytes32 typehash = keccak256("Supersession(address owner,bytes32 digest,bytes32 by,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, trainer(0), digest, by, LATER));
        bytes memory signature =
            sign(trainerKeys[0], typed("TenWings ArtifactRegistry", address(artifacts), structHash));
        artifacts.supersede(digest, by, LATER, signature);
    }

    function revoke(uint256 a) external {
        bytes32 digest = made[a % made.length];
        bytes32 typehash = keccak256("Withdrawal(address owner,bytes32 digest,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, trainer(0), digest, LATER));
        bytes memory signature =
            sign(trainerKeys[0], typed("TenWings ArtifactRegistry", address(artifacts), structHash));
        artifacts.revoke(digest, LATER, signature);
    }

    function freeze(uint256 a, uint48 time) external {
        vm.prank(RESPONDER);
        artifacts.freeze(made[a % made.length], uint48(block.timestamp) + time % 40 days);
    }

    function unfreeze(uint256 a) external {
        vm.prank(RESPONDER);
        artifacts.unfreeze(made[a % made.length]);
    }

    function takeDown(uint256 a) external {
        bytes32 digest = made[a % made.length];
        vm.prank(address(timelock));
        artifacts.takeDown(digest, new IArtifactRegistry.Descendant[](0), cid(keccak256("report")));
        down[digest] = true;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + between(time, 1, 20 days));
    }

    function parentsExist() external view returns (bool) {
        for (uint256 i = 1; i < made.length; ++i) {
            if (parentOf[made[i]] == 0) continue;
            if (artifacts.stateOf(parentOf[made[i]]) == IArtifactRegistry.State.None) return false;
            if (!artifacts.isParent(parentOf[made[i]], made[i])) return false;
        }
        return true;
    }

    function whatIsDownStaysDown() external view returns (bool) {
        for (uint256 i = 0; i < made.length; ++i) {
            if (down[made[i]] && artifacts.stateOf(made[i]) != IArtifactRegistry.State.TakenDown) return false;
        }
        return true;
    }

    function noFreezeOutlives30Days() external returns (bool) {
        vm.warp(block.timestamp + 30 days);
        for (uint256 i = 0; i < made.length; ++i) {
            if (artifacts.stateOf(made[i]) == IArtifactRegistry.State.Frozen) return false;
        }
        return true;
    }
}

contract ArtifactsInvariants is Driven {
    ArtifactsHandler private _world;

    function setUp() public {
        _world = new ArtifactsHandler();
        _world.setUp();
        drive(address(_world));
        often(_world.begin.selector, 1);
        often(_world.make.selector, 3);
        often(_world.attack_parent.selector, 1);
        often(_world.supersede.selector, 2);
        often(_world.revoke.selector, 1);
        often(_world.freeze.selector, 1);
        often(_world.unfreeze.selector, 1);
        often(_world.takeDown.selector, 1);
        often(_world.wait.selector, 1);
    }

    function invariant_parents_exist_freezes_end_and_what_is_down_stays_down() public {
        require(_world.parentsExist(), "an artifact was made from nothing");
        require(_world.whatIsDownStaysDown(), "a taken-down artifact came back");
        require(_world.noFreezeOutlives30Days(), "a freeze does not end");
    }
}
