// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberRegistry} from "./IMemberRegistry.sol";

/// @title What can be wrong with the co-signatures of evaluators.
/// @notice Signatures are ordered by signer, strictly ascending: so one evaluator counts once. Evaluators sign with
/// plain keys (no ERC-1271). Every signature given must be good, also beyond the K that are needed.
interface IEvaluatorQuorum {
    /// @notice `given` signatures came where `needed` are needed.
    error QuorumNotReached(uint256 given, uint256 needed);

    /// @notice `signer` does not come strictly after `previous`: signatures out of order, or one given twice.
    error SignersNotAscending(address previous, address signer);

    /// @notice `signer` is not an active evaluator. A signature over other values also ends here, with a random address.
    error NotAnActiveEvaluator(address signer);

    /// @notice Where members are looked up.
    function members() external view returns (IMemberRegistry);
}
