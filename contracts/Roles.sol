// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a member may do, as bits; a member may hold several.
library Roles {
    uint8 internal constant TRAINER = 1;
    uint8 internal constant EVALUATOR = 2;
    uint8 internal constant CURATOR = 4;
    uint8 internal constant ALL = TRAINER | EVALUATOR | CURATOR;
}
