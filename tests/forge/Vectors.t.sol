// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Check} from "./Check.sol";
import {Trees} from "./Trees.sol";
import {Leaves} from "contracts/Leaves.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";

/// @title Keeps tests/vectors/leaves.json, which the Python tree is compared with, equal to what Solidity hashes.
/// @notice WRITE_VECTORS=true forge test --match-contract VectorsTest writes the file anew.
contract VectorsTest is Check {
    string private constant PATH = "tests/vectors/leaves.json";
    uint256 private constant CHAIN_ID = 31337;
    address private constant TRAINING_RUNS = 0x1111111111111111111111111111111111111111;
    address private constant MERIT_EPOCHS = 0x2222222222222222222222222222222222222222;

    struct Merit {
        uint256 epoch;
        uint256 memberId;
        address account;
        uint256 merit;
        uint256 weight;
    }

    function test_the_vector_file_holds_what_solidity_hashes() public {
        string memory text = _render();
        if (vm.envOr("WRITE_VECTORS", false)) vm.writeFile(PATH, text);
        holds(keccak256(bytes(vm.readFile(PATH))) == keccak256(bytes(text)), "run with WRITE_VECTORS=true");
    }

    function test_a_contribution_leaf_hashes_its_fields_in_the_documented_order() public view {
        IRewardVault.Leaf memory leaf = _contributions()[1];
        bytes32 byHand = keccak256(
            bytes.concat(
                keccak256(
                    bytes.concat(
                        abi.encode(keccak256("TenWings contribution"), CHAIN_ID, TRAINING_RUNS, leaf.runId, leaf.round),
                        abi.encode(leaf.memberId, leaf.account, leaf.samples, leaf.steps, leaf.score),
                        abi.encode(leaf.updateDigest, leaf.reward, leaf.cumulativeReward)
                    )
                )
            )
        );
        same(this.contributionHash(leaf), byHand);
    }

    function test_every_leaf_of_the_vectors_is_proved_by_openzeppelins_verifier() public view {
        bytes32[] memory hashes = _contributionHashes();
        for (uint256 i = 0; i < hashes.length; ++i) {
            bytes32[] memory path = Trees.proof(hashes, hashes[i]);
            holds(MerkleProof.verify(path, Trees.root(hashes), hashes[i]), "a leaf of the tree is not proved");
        }
    }

    function contributionHash(IRewardVault.Leaf calldata leaf) external pure returns (bytes32) {
        return Leaves.contribution(CHAIN_ID, TRAINING_RUNS, leaf);
    }

    function _contributions() private pure returns (IRewardVault.Leaf[] memory leaves) {
        leaves = new IRewardVault.Leaf[](5);
        leaves[0] = IRewardVault.Leaf(1, 1, 1, address(0xA11CE), 640, 30, 1250, bytes32(uint256(0xAA)), 5e18, 5e18);
        leaves[1] = IRewardVault.Leaf(1, 1, 2, address(0xB0B), 512, 24, -340, bytes32(uint256(0xBB)), 0, 0);
        leaves[2] = IRewardVault.Leaf(1, 1, 3, address(0xCAFE), 0, 0, 0, bytes32(0), 1, 1);
        leaves[3] = IRewardVault.Leaf(
            type(uint256).max,
            type(uint32).max,
            type(uint256).max,
            address(type(uint160).max),
            type(uint64).max,
            type(uint32).max,
            type(int64).max,
            bytes32(type(uint256).max),
            type(uint128).max,
            type(uint128).max
        );
        leaves[4] = IRewardVault.Leaf(
            7, 42, 99, address(0xD00D), 123456789, 3000, type(int64).min, keccak256("update"), 2500e18, 123456789012e9
        );
    }

    function _merits() private pure returns (Merit[] memory merits) {
        merits = new Merit[](5);
        merits[0] = Merit(1, 1, address(0xA11CE), 1_000_000, 1000);
        merits[1] = Merit(1, 2, address(0xB0B), 250_000, 500);
        merits[2] = Merit(1, 3, address(0xCAFE), 0, 0);
        merits[3] = Merit(
            type(uint256).max,
            type(uint256).max,
            address(type(uint160).max),
            type(uint256).max,
            type(uint256).max
        );
        merits[4] = Merit(12, 99, address(0xD00D), 81, 9);
    }

    function _contributionHashes() private view returns (bytes32[] memory hashes) {
        IRewardVault.Leaf[] memory leaves = _contributions();
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) hashes[i] = this.contributionHash(leaves[i]);
    }

    function _meritHashes() private pure returns (bytes32[] memory hashes) {
        Merit[] memory merits = _merits();
        hashes = new bytes32[](merits.length);
        for (uint256 i = 0; i < merits.length; ++i) {
            Merit memory m = merits[i];
            hashes[i] = Leaves.merit(CHAIN_ID, MERIT_EPOCHS, m.epoch, m.memberId, m.account, m.merit, m.weight);
        }
    }

    // The rest writes JSON.

    function _render() private view returns (string memory) {
        string memory head = string.concat(
            '{\n"chainId": ',
            vm.toString(CHAIN_ID),
            ',\n"trainingRuns": ',
            _quoted(vm.toString(TRAINING_RUNS)),
            ',\n"meritEpochs": ',
            _quoted(vm.toString(MERIT_EPOCHS))
        );
        return string.concat(
            head,
            ',\n"contributions": ',
            _renderTree(_renderContributions(), _contributionHashes()),
            ',\n"merit": ',
            _renderTree(_renderMerits(), _meritHashes()),
            "\n}\n"
        );
    }

    function _renderTree(string[] memory leaves, bytes32[] memory hashes) private pure returns (string memory out) {
        out = '{\n "leaves": [';
        for (uint256 i = 0; i < leaves.length; ++i) {
            out = string.concat(out, i == 0 ? "\n  " : ",\n  ", '{"leaf": ', leaves[i]);
            out = string.concat(out, ', "hash": ', _quoted(vm.toString(hashes[i])));
            out = string.concat(out, ', "proof": ', _renderList(Trees.proof(hashes, hashes[i])), "}");
        }
        out = string.concat(out, '\n ],\n "tree": ', _renderList(Trees.build(hashes)));
        out = string.concat(out, ',\n "root": ', _quoted(vm.toString(Trees.root(hashes))), "\n}");
    }

    function _renderList(bytes32[] memory values) private pure returns (string memory out) {
        for (uint256 i = 0; i < values.length; ++i) {
            out = string.concat(out, i == 0 ? "" : ", ", _quoted(vm.toString(values[i])));
        }
        out = string.concat("[", out, "]");
    }

    function _renderContributions() private pure returns (string[] memory out) {
        IRewardVault.Leaf[] memory leaves = _contributions();
        out = new string[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            IRewardVault.Leaf memory leaf = leaves[i];
            string memory text = _field("", "runId", leaf.runId);
            text = _field(text, "round", leaf.round);
            text = _field(text, "memberId", leaf.memberId);
            text = string.concat(text, ', "account": ', _quoted(vm.toString(leaf.account)));
            text = _field(text, "samples", leaf.samples);
            text = _field(text, "steps", leaf.steps);
            text = string.concat(text, ', "score": ', vm.toString(int256(leaf.score)));
            text = string.concat(text, ', "updateDigest": ', _quoted(vm.toString(leaf.updateDigest)));
            text = _field(text, "reward", leaf.reward);
            out[i] = string.concat("{", _field(text, "cumulativeReward", leaf.cumulativeReward), "}");
        }
    }

    function _renderMerits() private pure returns (string[] memory out) {
        Merit[] memory merits = _merits();
        out = new string[](merits.length);
        for (uint256 i = 0; i < merits.length; ++i) {
            string memory text = _field("", "epoch", merits[i].epoch);
            text = _field(text, "memberId", merits[i].memberId);
            text = string.concat(text, ', "account": ', _quoted(vm.toString(merits[i].account)));
            text = _field(text, "merit", merits[i].merit);
            out[i] = string.concat("{", _field(text, "weight", merits[i].weight), "}");
        }
    }

    function _field(string memory before, string memory name, uint256 value) private pure returns (string memory) {
        string memory separator = bytes(before).length == 0 ? "" : ", ";
        return string.concat(before, separator, _quoted(name), ": ", vm.toString(value));
    }

    function _quoted(string memory text) private pure returns (string memory) {
        return string.concat('"', text, '"');
    }
}
