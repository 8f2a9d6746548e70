// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title "Ten Wings Reward" (TWR), 18 decimals.
/// @notice A plain ERC-20 with a fixed supply, minted to a treasury at deployment. It carries no votes: money and votes
/// stay apart.
interface IRewardToken is IERC20Metadata {}
