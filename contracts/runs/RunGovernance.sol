// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cids} from "../Cids.sol";
import {IArtifactRegistry} from "../interfaces/IArtifactRegistry.sol";
import {IRunGovernance} from "../interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "../interfaces/ITrainingRuns.sol";
import {RunStore} from "./RunStore.sol";

/// @title What votes change about runs.
abstract contract RunGovernance is RunStore {
    /// @notice May change runs and the bounds of specs. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take
    /// it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    uint256 private constant NUM_PARAMS = 8;

    IArtifactRegistry private immutable _artifacts;
    ParamBounds private _bounds;

    constructor(IArtifactRegistry artifacts_, ParamBounds memory bounds_) {
        _artifacts = artifacts_;
        _setBounds(bounds_);
    }

    /// @inheritdoc IRunGovernance
    function setSpec(uint256 runId, bytes calldata specCid, SpecParams calldata params)
        external
        onlyRole(GOVERNANCE_ROLE)
    {
        _setSpec(_existing(runId), runId, specCid, params);
    }

    /// @inheritdoc IRunGovernance
    function setBounds(ParamBounds calldata bounds_) external onlyRole(GOVERNANCE_ROLE) {
        _setBounds(bounds_);
    }

    /// @inheritdoc IRunGovernance
    function setDataset(uint256 runId, bytes32 datasetDigest) external onlyRole(GOVERNANCE_ROLE) {
        Stored storage stored = _existing(runId);
        _requireDataset(datasetDigest);
        stored.datasetDigest = datasetDigest;
        stored.terms.hash = _terms(stored.specDigest, datasetDigest);
        emit DatasetChanged(runId, datasetDigest, stored.stand.lastRound + 1);
    }

    /// @inheritdoc IRunGovernance
    function setQuorum(uint256 runId, uint8 quorum) external onlyRole(GOVERNANCE_ROLE) {
        Stored storage stored = _existing(runId);
        if (quorum == 0) revert InvalidQuorum(quorum);
        stored.stand.quorum = quorum;
        emit QuorumChanged(runId, quorum);
    }

    /// @inheritdoc IRunGovernance
    function setRewardCap(uint256 runId, uint96 rewardCap) external onlyRole(GOVERNANCE_ROLE) {
        _existing(runId).terms.rewardCap = rewardCap;
        emit RewardCapChanged(runId, rewardCap);
    }

    /// @inheritdoc ITrainingRuns
    function rollBack(uint256 runId, uint32 number, RoundData calldata data) external onlyRole(GOVERNANCE_ROLE) {
        _moveHead(_requireFinal(runId, number, data), data.checkpointDigest);
        emit RolledBack(runId, number, data.checkpointDigest);
    }

    /// @inheritdoc IRunGovernance
    function promote(uint256 runId, bytes calldata checkpointCid) external onlyRole(GOVERNANCE_ROLE) {
        Stored storage stored = _existing(runId);
        bytes32 digest = Cids.digest(checkpointCid);
        if (_kindOf(digest) != IArtifactRegistry.Kind.Checkpoint) revert NotACheckpoint(digest);
        _requireUsable(digest);
        _moveHead(stored, digest);
        emit CheckpointPromoted(runId, digest, checkpointCid);
    }

    /// @inheritdoc IRunGovernance
    function bounds() external view returns (ParamBounds memory) {
        return _bounds;
    }

    /// @inheritdoc ITrainingRuns
    function artifacts() external view returns (IArtifactRegistry) {
        return _artifacts;
    }

    function _setSpec(Stored storage stored, uint256 runId, bytes calldata specCid, SpecParams calldata params)
        internal
    {
        _requireWithinBounds(params);
        bytes32 digest = Cids.digest(specCid);
        uint32 version = ++stored.specVersion;
        stored.specDigest = digest;
        stored.terms.hash = _terms(digest, stored.datasetDigest);
        emit SpecChanged(runId, version, digest, specCid, stored.stand.lastRound + 1, params);
    }

    function _requireDataset(bytes32 digest) internal view {
        if (_kindOf(digest) != IArtifactRegistry.Kind.Dataset) revert NotADataset(digest);
        _requireUsable(digest);
    }

    function _requireUsable(bytes32 digest) private view {
        IArtifactRegistry.State state = _artifacts.stateOf(digest);
        if (state == IArtifactRegistry.State.Frozen || state == IArtifactRegistry.State.TakenDown) {
            revert ArtifactNotUsable(digest, state);
        }
    }

    function _moveHead(Stored storage stored, bytes32 digest) private {
        stored.headDigest = digest;
        stored.movedDigest = digest;
        stored.troubles.movedAfter = stored.stand.lastRound;
    }

    function _setBounds(ParamBounds memory bounds_) private {
        uint256[NUM_PARAMS] memory least = _numbers(bounds_.least);
        uint256[NUM_PARAMS] memory most = _numbers(bounds_.most);
        for (uint256 i = 0; i < NUM_PARAMS; ++i) {
            if (least[i] > most[i]) revert EmptyBounds(i + 1, least[i], most[i]);
        }
        _bounds = bounds_;
        emit BoundsChanged(bounds_);
    }

    function _requireWithinBounds(SpecParams calldata params) private view {
        uint256[NUM_PARAMS] memory values = _numbers(params);
        uint256[NUM_PARAMS] memory least = _numbers(_bounds.least);
        uint256[NUM_PARAMS] memory most = _numbers(_bounds.most);
        for (uint256 i = 0; i < NUM_PARAMS; ++i) {
            if (values[i] < least[i] || values[i] > most[i]) {
                revert ParamOutOfBounds(i + 1, values[i], least[i], most[i]);
            }
        }
    }

    function _numbers(SpecParams memory params) private pure returns (uint256[NUM_PARAMS] memory) {
        return [
            uint256(params.innerSteps),
            params.learningRateMillionths,
            params.batchSize,
            params.outerAlphaBps,
            params.minUpdates,
            params.rewardPerRound,
            params.trainersBps,
            params.aggregationRule
        ];
    }

    function _kindOf(bytes32 digest) private view returns (IArtifactRegistry.Kind kind) {
        (kind,,,) = _artifacts.artifact(digest);
    }
}
