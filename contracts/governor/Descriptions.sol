// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Reads the last two lines of a proposal's description: "#article=N" and "#proposer=0x...".
library Descriptions {
    uint256 private constant PROPOSER_LENGTH = 52; // "#proposer=" and "0x" with 40 digits
    uint256 private constant MARKER_LENGTH = 9; // "#article="
    uint256 private constant MAX_DIGITS = 3;

    /// @notice Whether the last line names `proposer`, in lower case.
    function names(string calldata description, address proposer) internal pure returns (bool) {
        bytes calldata text = bytes(description);
        if (text.length < PROPOSER_LENGTH) return false;
        bytes calldata line = text[text.length - PROPOSER_LENGTH:];
        bytes20 low = _digits(uint80(uint160(proposer)));
        bytes20 high = _digits(uint80(uint160(proposer) >> 80));
        return bytes12(line[:12]) == "#proposer=0x" && bytes20(line[12:32]) == high && bytes20(line[32:]) == low;
    }

    /// @notice The article that the last line but one names; 0 where it names none. The last line must name a proposer.
    function article(string calldata description) internal pure returns (uint256 number) {
        bytes calldata text = bytes(description);
        uint256 at_ = text.length - PROPOSER_LENGTH;
        if (at_ == 0 || text[at_ - 1] != "\n") return 0;
        uint256 unit = 1;
        for (--at_; at_ > MARKER_LENGTH && unit < 10 ** MAX_DIGITS; unit *= 10) {
            uint256 digit = uint8(text[at_ - 1]) ^ 0x30;
            if (digit > 9) break;
            number += digit * unit;
            --at_;
        }
        if (at_ < MARKER_LENGTH || bytes9(text[at_ - MARKER_LENGTH:at_]) != "#article=") return 0;
    }

    /// @dev Ten bytes as twenty hexadecimal digits in lower case, all at once: every step moves the upper half of each
    /// group away until one nibble stands in each byte; then those above nine become letters. A loop costs 9,000 gas more.
    function _digits(uint80 value) private pure returns (bytes20) {
        uint256 x = value;
        x = (x | (x << 64)) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = (x | (x << 32)) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = (x | (x << 16)) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = (x | (x << 8)) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        x = (x | (x << 4)) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
        uint256 ones = 0x0101010101010101010101010101010101010101010101010101010101010101;
        uint256 letters = ((x + 6 * ones) >> 4) & ones;
        return bytes20(uint160(x + 0x30 * ones + 39 * letters));
    }
}
