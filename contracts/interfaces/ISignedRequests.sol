// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What can be wrong with a signed request that a relayer brings (EIP-712; contract wallets by ERC-1271).
interface ISignedRequests {
    /// @notice The request's last valid second, `deadline`, lies before this block's time `timestamp`.
    error RequestExpired(uint64 deadline, uint256 timestamp);

    /// @notice `signature` over the request was not made by `signer`, or is malleated.
    error InvalidSignature(address signer, bytes signature);
}
