// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Incidents} from "./Incidents.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";

/// @title A world of incidents driven at random: reports, containments, verdicts, slashes, bonds in and out, time.
contract IncidentsHandler is Incidents {
    uint256 private constant MEMBERS = 7;
    uint256 public deposited = uint256(BOND) * MEMBERS;
    uint256 public withdrawn;
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public slashedTooMuch;
    bool public withdrawnUnderACase;

    function report_(uint256 i, uint256 accused) external {
        report(i % 3, between(accused, 0, MEMBERS));
    }

    function contain_(uint256 caseSeed, uint256 target, uint48 until) external {
        uint256 caseId = between(caseSeed, 1, incidents.numCases());
        contain(caseId, IIncidentManager.Target(target % 3), uint48(block.timestamp) + until % 20 days);
    }

    function adjudicate_(uint256 caseSeed, uint256 verdict, uint96 slash, uint256 unvested) external {
        uint256 caseId = between(caseSeed, 1, incidents.numCases());
        uint256 accused = incidents.caseOf(caseId).accusedId;
        slash = verdict % 3 == 0 && accused != 0 ? slash % (verdict % 2 == 0 ? BOND / 4 : 2 * BOND) : 0;
        unvested = slash == 0 ? 0 : unvested % 2 == 0 ? 0 : unvested % 20e18;
        uint256 most = incidents.bondOf(accused).amount + vesting.unvested(accused);
        adjudicate(caseId, IIncidentManager.Status(2 + verdict % 3), slash, unvested);
        if (slash + unvested > most) slashedTooMuch = true;
    }

    function lapse(uint256 caseSeed) external {
        incidents.lapse(between(caseSeed, 1, incidents.numCases()));
    }

    function close(uint256 caseSeed) external {
        vm.prank(GUARDIAN);
        incidents.close(between(caseSeed, 1, incidents.numCases()), cid(keccak256("post-mortem")));
    }

    function deposit(uint256 memberId, uint96 amount) external {
        amount = uint96(between(amount, 1, 50e18));
        fundBond(between(memberId, 1, MEMBERS), amount);
        deposited += amount;
    }

    function grantUnvested(uint256 memberId, uint256 amount) external {
        vesting.grant(between(memberId, 1, MEMBERS), amount % 10e18);
    }

    function ask(uint256 i, uint96 amount) external {
        i %= 3;
        if (incidents.bondOf(trainerId(i)).leaving != 0) return;
        askForBond(i, uint96(amount % (incidents.bondOf(trainerId(i)).amount + 1)));
    }

    function withdraw(uint256 memberId) external {
        memberId = between(memberId, 1, 3);
        uint256 held = incidents.bondOf(memberId).openCases;
        uint256 before = token.balanceOf(address(incidents));
        incidents.withdraw(memberId);
        if (held != 0) withdrawnUnderACase = true;
        withdrawn += before - token.balanceOf(address(incidents));
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + between(time, 1 days, 5 days));
    }

    function bondsAndPool() external view returns (uint256 sum) {
        for (uint256 id = 1; id <= MEMBERS; ++id) sum += incidents.bondOf(id).amount;
        for (uint256 id = 1; id <= incidents.numCases(); ++id) {
            IIncidentManager.Case memory found = incidents.caseOf(id);
            if (found.status == IIncidentManager.Status.Open) sum += found.bond;
        }
        return sum + incidents.pool();
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(incidents));
    }

    /// @dev All bars and freezes of now end within 30 days, whatever anybody does then.
    function everythingEnds() external view returns (bool) {
        for (uint256 id = 1; id <= MEMBERS; ++id) {
            if (members.barredUntil(id) > block.timestamp + 7 days) return false;
        }
        return disputes.pausedUntil(RUN) <= block.timestamp + 7 days;
    }
}

/// @title Artifacts driven at random: made from each other, superseded, revoked, frozen, taken down.
contract ArtifactsHandler is Incidents {
    bytes32[] public made;
    mapping(bytes32 digest => bytes32) public parentOf;
    mapping(bytes32 digest => bool) public down;

    function setUp() public override {
        super.setUp();
        made.push(dataset);
    }

    function make(uint256 parentSeed, bytes32 parentMadeUp, bool honest) external {
        bytes32 parent = honest ? made[parentSeed % made.length] : parentMadeUp;
        bytes32 digest = keccak256(abi.encode(made.length));
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = parent;
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

contract IncidentsInvariants {
    IncidentsHandler private _world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        _world = new IncidentsHandler();
        _world.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = _world.report_.selector;
        selectors[1] = _world.contain_.selector;
        selectors[2] = _world.adjudicate_.selector;
        selectors[3] = _world.lapse.selector;
        selectors[4] = _world.close.selector;
        selectors[5] = _world.deposit.selector;
        selectors[6] = _world.grantUnvested.selector;
        selectors[7] = _world.ask.selector;
        selectors[8] = _world.withdraw.selector;
        selectors[9] = _world.wait.selector;
        targets[0] = FuzzSelector(address(_world), selectors);
    }

    function invariant_bonds_are_conserved_and_containments_end() public view {
        require(_world.bondsAndPool() == _world.balance(), "bonds, stakes and pool differ from the balance");
        require(_world.balance() == _world.deposited() - _world.withdrawn(), "bonds came from nowhere or went there");
        require(_world.everythingEnds(), "a bar or a pause does not end");
        require(!_world.slashedTooMuch(), "more was slashed than bond and unvested");
        require(!_world.withdrawnUnderACase(), "a bond left under an open case");
    }
}

contract ArtifactsInvariants {
    ArtifactsHandler private _world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        _world = new ArtifactsHandler();
        _world.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = _world.make.selector;
        selectors[1] = _world.supersede.selector;
        selectors[2] = _world.revoke.selector;
        selectors[3] = _world.freeze.selector;
        selectors[4] = _world.unfreeze.selector;
        selectors[5] = _world.takeDown.selector;
        selectors[6] = _world.wait.selector;
        targets[0] = FuzzSelector(address(_world), selectors);
    }

    function invariant_parents_exist_freezes_end_and_what_is_down_stays_down() public {
        require(_world.parentsExist(), "an artifact was made from nothing");
        require(_world.whatIsDownStaysDown(), "a taken-down artifact came back");
        require(_world.noFreezeOutlives30Days(), "a freeze does not end");
    }
}
