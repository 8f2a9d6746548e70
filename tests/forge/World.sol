// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Check} from "./Check.sol";
import {Trees} from "./Trees.sol";
import {ArtifactRegistry} from "contracts/ArtifactRegistry.sol";
import {Charter} from "contracts/Charter.sol";
import {Guardian} from "contracts/Guardian.sol";
import {MemberRegistry} from "contracts/MemberRegistry.sol";
import {MeritEpochs} from "contracts/MeritEpochs.sol";
import {RewardToken} from "contracts/RewardToken.sol";
import {RewardVault} from "contracts/RewardVault.sol";
import {TenWingsGovernor} from "contracts/TenWingsGovernor.sol";
import {TrainingRuns} from "contracts/TrainingRuns.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IGovernorRules} from "contracts/interfaces/IGovernorRules.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A deployed Ten Wings with a cast: three trainers, four evaluators (K = 3), one open and funded run.
/// @notice Typed data is hashed here from the type strings by hand, apart from the contracts.
abstract contract World is Check {
    uint256 internal constant START = 1_800_000_000;
    uint64 internal constant LATER = uint64(START + 1000 days);
    uint8 internal constant TRAINER = 1;
    uint8 internal constant EVALUATOR = 2;
    uint8 internal constant CURATOR = 4;
    uint32 internal constant RECOVERY_DELAY = 3 days;
    uint32 internal constant DISPUTE_WINDOW = 1 days;
    uint32 internal constant FINALITY_DELAY = 2 days;
    uint32 internal constant VOTING_DELAY = 1 hours;
    uint32 internal constant VOTING_PERIOD = 3 days;
    uint256 internal constant TIMELOCK_DELAY = 1 days;
    uint256 internal constant GUARDIAN_TERM = 90 days;
    uint16 internal constant NUM_ARTICLES = 7;
    uint8 internal constant K = 3;
    uint96 internal constant REWARD_CAP = 1000e18;
    uint256 internal constant BUDGET = 10_000e18;
    uint256 internal constant ADMITTER_KEY = 0xAD317;
    uint256 internal constant OUTSIDER_KEY = 0x0751DE;
    uint256 internal constant RUN = 1;

    address internal immutable ADMIN = address(0xAD);
    address internal immutable COORDINATOR = address(0xC0);
    address internal immutable RESPONDER = address(0x911);
    address internal immutable RELAYER = address(0x5E1A7);
    address internal immutable INCIDENTS = address(0x1C1D);
    address internal immutable GUARDIAN = address(0x60A8D);

    MemberRegistry internal members;
    ArtifactRegistry internal artifacts;
    TrainingRuns internal runs;
    RewardToken internal token;
    RewardVault internal vault;
    MeritEpochs internal epochs;
    TimelockController internal timelock;
    Charter internal charter;
    TenWingsGovernor internal governor;
    Guardian internal guardian;

    uint256[3] internal trainerKeys = [uint256(0x7A1), 0x7A2, 0x7A3];
    uint256[4] internal evaluatorKeys = [uint256(0xE1), 0xE2, 0xE3, 0xE4]; // sorted by address in setUp
    uint256[3] internal weights = [uint256(50), 30, 20];
    bytes32 internal dataset = keccak256("dataset");
    mapping(uint256 runId => mapping(uint32 round => ITrainingRuns.RoundData)) private _data;

    function setUp() public virtual {
        vm.warp(START);
        _deploy();
        _grant();
        _joinAll();
        _openRun();
    }

    // The cast.

    function _joinAll() private {
        for (uint256 i = 0; i < trainerKeys.length; ++i) join(trainerKeys[i], TRAINER);
        for (uint256 i = 1; i < evaluatorKeys.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(evaluatorKeys[j]) < vm.addr(evaluatorKeys[j - 1]); --j) {
                (evaluatorKeys[j], evaluatorKeys[j - 1]) = (evaluatorKeys[j - 1], evaluatorKeys[j]);
            }
        }
        for (uint256 i = 0; i < evaluatorKeys.length; ++i) join(evaluatorKeys[i], EVALUATOR);
    }

    function join(uint256 key, uint8 roles) internal returns (uint256 memberId) {
        IMemberRegistry.JoinRequest memory request = joinRequest(key, roles);
        return members.join(request, signJoin(key, request), signVoucher(ADMITTER_KEY, request));
    }

    function joinRequest(uint256 key, uint8 roles) internal pure returns (IMemberRegistry.JoinRequest memory) {
        return IMemberRegistry.JoinRequest(vm.addr(key), roles, keccak256(abi.encode("node key", key)), "Ada", LATER);
    }

    function trainer(uint256 i) internal view returns (address) {
        return vm.addr(trainerKeys[i]);
    }

    function trainerId(uint256 i) internal pure returns (uint256) {
        return i + 1;
    }

    // Typed data.

    function typed(string memory name, address verifier, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The other signature of the same key over the same digest: (r, n - s, flipped v).
    function malleated(bytes memory signature) internal pure returns (bytes memory) {
        bytes32 r;
        bytes32 s;
        (r, s) = abi.decode(abi.encodePacked(signature, new bytes(31)), (bytes32, bytes32));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        uint8 v = uint8(signature[64]) == 27 ? 28 : 27;
        return abi.encodePacked(r, bytes32(order - uint256(s)), v);
    }

    function signJoin(uint256 key, IMemberRegistry.JoinRequest memory r) internal view returns (bytes memory) {
        bytes32 typehash =
            keccak256("JoinRequest(address account,uint8 roles,bytes32 nodeKeyDigest,string name,uint64 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typehash, r.account, r.roles, r.nodeKeyDigest, keccak256(bytes(r.name)), r.deadline));
        return sign(key, typed("TenWings MemberRegistry", address(members), structHash));
    }

    function signVoucher(uint256 key, IMemberRegistry.JoinRequest memory r) internal view returns (bytes memory) {
        bytes32 typehash = keccak256("Voucher(address account,uint8 roles,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, r.account, r.roles, r.deadline));
        return sign(key, typed("TenWings MemberRegistry", address(members), structHash));
    }

    function signRegistration(uint256 key, IArtifactRegistry.Registration memory r)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256(
            "Registration(address account,uint8 kind,bytes cid,string licence,bytes32[] parents,bool restricted,uint64 deadline)"
        );
        bytes32 structHash = keccak256(
            abi.encode(
                typehash,
                r.account,
                r.kind,
                keccak256(r.cid),
                keccak256(bytes(r.licence)),
                keccak256(abi.encodePacked(r.parents)),
                r.restricted,
                r.deadline
            )
        );
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function roundDigest(ITrainingRuns.RoundCommit memory c) internal view returns (bytes32) {
        bytes32 typehash = keccak256(
            "RoundCommit(uint256 runId,uint32 round,bytes32 specDigest,bytes32 datasetDigest,bytes32 parentDigest,bytes32 checkpointDigest,bytes32 contributionsRoot,bytes32 recordDigest,uint8 codecs,uint32 numClients,uint96 reward,uint64 heldoutLossMicro)"
        );
        bytes memory first = abi.encode(typehash, c.runId, c.round, c.specDigest, c.datasetDigest, c.parentDigest);
        bytes memory second = abi.encode(
            c.checkpointDigest,
            c.contributionsRoot,
            c.recordDigest,
            c.codecs,
            c.numClients,
            c.reward,
            c.heldoutLossMicro
        );
        return typed("TenWings TrainingRuns", address(runs), keccak256(bytes.concat(first, second)));
    }

    function epochDigest(IMeritEpochs.EpochCommit memory c) internal view returns (bytes32) {
        bytes32 typehash = keccak256(
            "EpochCommit(uint256 epoch,uint256 runId,uint32 uptoRound,bytes32 root,uint128 totalWeight,uint128 maxWeight,uint32 count,bytes treeCid)"
        );
        bytes memory first = abi.encode(typehash, c.epoch, c.runId, c.uptoRound, c.root);
        bytes memory second = abi.encode(c.totalWeight, c.maxWeight, c.count, keccak256(c.treeCid));
        return typed("TenWings MeritEpochs", address(epochs), keccak256(bytes.concat(first, second)));
    }

    /// @dev The first `count` evaluators' signatures, ordered by signer.
    function cosign(bytes32 digest, uint256 count) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) signatures[i] = sign(evaluatorKeys[i], digest);
    }

    // Actions.

    function cid(bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"01551220", digest);
    }

    function nextCommit(bytes32 contributionsRoot, uint32 numClients, uint96 reward)
        internal
        view
        returns (ITrainingRuns.RoundCommit memory)
    {
        ITrainingRuns.Run memory run = runs.run(RUN);
        uint32 next = run.lastRound + 1;
        return ITrainingRuns.RoundCommit({
            runId: RUN,
            round: next,
            specDigest: run.specDigest,
            datasetDigest: run.datasetDigest,
            parentDigest: run.headDigest,
            checkpointDigest: keccak256(abi.encode("checkpoint", next)),
            contributionsRoot: contributionsRoot,
            recordDigest: keccak256(abi.encode("record", next)),
            codecs: 0,
            numClients: numClients,
            reward: reward,
            heldoutLossMicro: 123_456
        });
    }

    function commitRound(bytes32 contributionsRoot, uint96 reward) internal returns (uint32) {
        ITrainingRuns.RoundCommit memory commit = nextCommit(contributionsRoot, 3, reward);
        return commitSigned(commit);
    }

    /// @dev Commits with K co-signatures and keeps what the round's data is, as everybody has it from the event.
    function commitSigned(ITrainingRuns.RoundCommit memory commit) internal returns (uint32) {
        uint96 before = runs.run(commit.runId).cumulativeReward;
        runs.commitRound(commit, cosign(roundDigest(commit), K));
        _data[commit.runId][commit.round] = ITrainingRuns.RoundData({
            contributionsRoot: commit.contributionsRoot,
            checkpointDigest: commit.checkpointDigest,
            parentDigest: commit.parentDigest,
            cumulativeReward: before + commit.reward,
            reward: commit.reward
        });
        return commit.round;
    }

    function dataOf(uint256 runId, uint32 round) internal view returns (ITrainingRuns.RoundData memory) {
        return _data[runId][round];
    }

    /// @dev What the incident contract is to hold.
    function grantIncidents() internal {
        bytes32 role = runs.INCIDENT_ROLE();
        _grantOn(address(runs), role, INCIDENTS);
        _grantOn(address(vault), role, INCIDENTS);
    }

    /// @dev What trainer `i` did in `round`, with `cumulative` wei earned so far.
    function leafOf(uint32 round, uint256 i, uint128 cumulative) internal view returns (IRewardVault.Leaf memory) {
        return IRewardVault.Leaf(
            RUN, round, trainerId(i), trainer(i), 640, 30, -12, keccak256("update"), cumulative, cumulative
        );
    }

    function meritHashes(uint256 epoch) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](trainerKeys.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = epochs.leafHash(epoch, trainerId(i), trainer(i), weights[i] ** 2, weights[i]);
        }
    }

    function nextEpoch() internal view returns (IMeritEpochs.EpochCommit memory) {
        uint256 epoch = epochs.numEpochs() + 1;
        (uint32 last,) = runs.head(RUN);
        return IMeritEpochs.EpochCommit({
            epoch: epoch,
            runId: RUN,
            uptoRound: last,
            root: Trees.root(meritHashes(epoch)),
            totalWeight: 100,
            maxWeight: 50,
            count: 3,
            treeCid: cid(keccak256("tree"))
        });
    }

    function commitEpoch() internal {
        IMeritEpochs.EpochCommit memory commit = nextEpoch();
        epochs.commitEpoch(commit, cosign(epochDigest(commit), K));
    }

    /// @dev Brings the world to where votes count: a final round, a final epoch.
    function earnMerit() internal {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        commitEpoch();
        vm.warp(block.timestamp + FINALITY_DELAY);
    }

    /// @dev The params of trainer `i`'s ballot.
    function ballot(uint256 epoch, uint256 i) internal view returns (bytes memory) {
        bytes32[] memory hashes = meritHashes(epoch);
        return abi.encode(trainerId(i), weights[i] ** 2, weights[i], Trees.proof(hashes, hashes[i]));
    }

    // Deployment.

    function _deploy() private {
        string[] memory licences = new string[](2);
        licences[0] = "CC-BY-4.0";
        licences[1] = "Apache-2.0";
        members = MemberRegistry(vm.deployCode("MemberRegistry.sol", abi.encode(ADMIN, RECOVERY_DELAY)));
        artifacts = ArtifactRegistry(vm.deployCode("ArtifactRegistry.sol", abi.encode(members, ADMIN, licences)));
        runs = TrainingRuns(vm.deployCode("TrainingRuns.sol", abi.encode(members, artifacts, bounds(), ADMIN)));
        token = RewardToken(vm.deployCode("RewardToken.sol", abi.encode(ADMIN, 1_000_000e18)));
        vault = RewardVault(vm.deployCode("RewardVault.sol", abi.encode(token, runs, ADMIN)));
        epochs = MeritEpochs(
            vm.deployCode("MeritEpochs.sol", abi.encode(members, runs, FINALITY_DELAY, meritBounds(), ADMIN))
        );
        timelock = TimelockController(
            payable(
                vm.deployCode(
                    "TimelockController.sol", abi.encode(TIMELOCK_DELAY, new address[](0), new address[](0), ADMIN)
                )
            )
        );
        charter = Charter(
            vm.deployCode("Charter.sol", abi.encode(timelock, cid(keccak256("charter")), NUM_ARTICLES))
        );
        governor = TenWingsGovernor(
            payable(
                vm.deployCode(
                    "TenWingsGovernor.sol",
                    abi.encode(members, epochs, charter, timelock, rules(), kinds())
                )
            )
        );
        guardian = Guardian(
            vm.deployCode(
                "Guardian.sol:Guardian", abi.encode(governor, runs, GUARDIAN, uint48(START + GUARDIAN_TERM), ADMIN)
            )
        );
    }

    /// @dev One member may weigh half of all; the sum may double.
    function meritBounds() internal pure returns (IMeritEpochs.Bounds memory) {
        return IMeritEpochs.Bounds({maxShareBps: 5000, maxGrowthBps: 20_000});
    }

    function rules() internal pure returns (IGovernorRules.Rules memory) {
        return IGovernorRules.Rules({
            votingDelaySeconds: VOTING_DELAY,
            votingPeriodSeconds: VOTING_PERIOD,
            quorumBps: 2000,
            constitutionalQuorumBps: 4000,
            majorityBps: 6667,
            headsQuorumBps: 5000,
            vetoBps: 3334,
            routineSponsors: 1,
            standardSponsors: 1,
            constitutionalSponsors: 2
        });
    }

    /// @dev A new spec is routine; what no table names is standard.
    function kinds() internal view returns (ITenWingsGovernor.KindSetting[] memory settings) {
        settings = new ITenWingsGovernor.KindSetting[](1);
        settings[0] = ITenWingsGovernor.KindSetting(
            address(runs), IRunGovernance.setSpec.selector, ITenWingsGovernor.Kind.Routine
        );
    }

    function _grant() private {
        bytes32 governance = runs.GOVERNANCE_ROLE();
        _grantOn(address(members), members.ADMITTER_ROLE(), vm.addr(ADMITTER_KEY));
        _grantOn(address(members), members.ADMITTER_ROLE(), address(timelock));
        _grantOn(address(members), members.INCIDENT_ROLE(), RESPONDER);
        _grantOn(address(artifacts), artifacts.INCIDENT_ROLE(), RESPONDER);
        _grantOn(address(members), governance, address(timelock));
        _grantOn(address(artifacts), governance, address(timelock));
        _grantOn(address(runs), governance, address(timelock));
        _grantOn(address(epochs), governance, address(timelock));
        _grantOn(address(runs), runs.CURATOR_ROLE(), COORDINATOR);
        _grantOn(address(timelock), timelock.PROPOSER_ROLE(), address(governor));
        _grantOn(address(timelock), timelock.CANCELLER_ROLE(), address(governor));
        _grantOn(address(timelock), timelock.EXECUTOR_ROLE(), address(governor));
        _grantOn(address(timelock), timelock.CANCELLER_ROLE(), address(guardian));
        _grantOn(address(runs), runs.INCIDENT_ROLE(), address(guardian));
        _grantOn(address(guardian), governance, address(timelock));
    }

    function _grantOn(address target, bytes32 role, address account) internal {
        vm.prank(ADMIN);
        MemberRegistry(target).grantRole(role, account);
    }

    function _openRun() private {
        IArtifactRegistry.Registration memory registration = IArtifactRegistry.Registration(
            trainer(0), uint8(IArtifactRegistry.Kind.Dataset), cid(dataset), "CC-BY-4.0", new bytes32[](0), false, LATER
        );
        artifacts.register(registration, signRegistration(trainerKeys[0], registration));
        vm.prank(COORDINATOR);
        runs.createRun(runParams());
        vm.prank(ADMIN);
        token.approve(address(vault), BUDGET);
        vm.prank(ADMIN);
        vault.fund(RUN, BUDGET);
    }

    function runParams() internal view virtual returns (ITrainingRuns.RunParams memory) {
        return ITrainingRuns.RunParams({
            name: "first flight",
            specCid: cid(keccak256("spec 1")),
            specParams: specParams(),
            genesisCid: cid(keccak256("genesis")),
            datasetDigest: dataset,
            rewardCap: REWARD_CAP,
            quorum: K,
            disputeWindowSeconds: DISPUTE_WINDOW,
            vestedBps: 0,
            vestingSeconds: 0
        });
    }

    function specParams() internal pure returns (IRunGovernance.SpecParams memory) {
        return IRunGovernance.SpecParams({
            innerSteps: 30,
            learningRateMillionths: 300,
            batchSize: 8,
            outerAlphaBps: 10_000,
            minUpdates: 2,
            rewardPerRound: 100e18,
            trainersBps: 8_000,
            aggregationRule: 1
        });
    }

    function bounds() internal pure returns (IRunGovernance.ParamBounds memory) {
        return IRunGovernance.ParamBounds({
            least: IRunGovernance.SpecParams(1, 1, 1, 10, 1, 0, 0, 1),
            most: IRunGovernance.SpecParams(10_000, 100_000, 4096, 100_000, 10_000, 10_000e18, 10_000, 1)
        });
    }
}
