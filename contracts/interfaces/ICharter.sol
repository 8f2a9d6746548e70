// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the community is for: a text with numbered articles. Every proposal names the article that it serves.
/// @notice The owner is the timelock, and the governor counts every call to this contract as constitutional: both houses
/// decide on it.
interface ICharter {
    /// @notice The charter is now this text, with articles 1 to `numArticles`.
    event CharterSet(uint32 version, bytes cid, uint16 numArticles);

    /// @notice A charter has at least one article.
    error EmptyCharter();

    /// @notice Replaces the text. Only the owner, which is the timelock.
    /// @param cid The text: Markdown, each article under a heading "## Article N".
    function setCharter(bytes calldata cid, uint16 articles) external;

    /// @notice The SHA-256 digest inside the text's CID, and which version it is, from 1.
    function text() external view returns (bytes32 digest, uint32 version);

    /// @notice How many articles the text has.
    function numArticles() external view returns (uint16);
}
