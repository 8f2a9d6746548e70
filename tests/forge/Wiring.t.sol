// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {World} from "./World.sol";

contract WiringTest is World {
    function test_each_contract_names_those_it_relies_on() public view {
        same(address(artifacts.members()), address(members));
        same(address(runs.members()), address(members));
        same(address(runs.artifacts()), address(artifacts));
        same(address(vault.token()), address(token));
        same(address(vault.trainingRuns()), address(runs));
        same(address(epochs.members()), address(members));
        same(address(epochs.trainingRuns()), address(runs));
        same(address(governor.members()), address(members));
        same(address(governor.epochs()), address(epochs));
        same(address(governor.charter()), address(charter));
        same(governor.timelock(), address(timelock));
        same(address(guardian.governor()), address(governor));
        same(address(guardian.runs()), address(runs));
    }

    function test_parameters_are_those_of_the_deployment() public view {
        same(epochs.finalityDelaySeconds(), FINALITY_DELAY);
        same(governor.votingDelay(), VOTING_DELAY);
        same(governor.votingPeriod(), VOTING_PERIOD);
        same(governor.proposalThreshold(), 0);
        same(timelock.getMinDelay(), TIMELOCK_DELAY);
        same(epochs.bounds().maxShareBps, 5000);
        same(epochs.bounds().maxGrowthBps, 20_000);
        (address account, uint48 endsAt, bool armed) = guardian.guardian();
        same(account, GUARDIAN);
        same(endsAt, START + GUARDIAN_TERM);
        holds(armed, "the first guardian is armed");
        same(token.totalSupply(), 1_000_000e18);
        same(runs.quorumOf(RUN), K);
        same(runs.run(RUN).rewardCap, REWARD_CAP);
        (string memory first, bool allowed) = artifacts.licence(1);
        same(keccak256(bytes(first)), keccak256("CC-BY-4.0"));
        holds(allowed, "a licence of the constructor is allowed");
    }

    function test_votes_run_on_the_chains_clock_in_seconds() public view {
        same(governor.clock(), block.timestamp);
        same(keccak256(bytes(governor.CLOCK_MODE())), keccak256("mode=timestamp"));
        holds(governor.proposalNeedsQueuing(1), "every proposal waits in the timelock");
    }
}
