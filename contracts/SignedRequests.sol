// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ISignedRequests} from "./interfaces/ISignedRequests.sol";

/// @title Checks the requests that members sign and relayers bring.
abstract contract SignedRequests is EIP712, ISignedRequests {
    /// @dev Reverts unless `signer` signed the typed data `structHash` and `deadline` has not passed.
    function _requireSigned(address signer, bytes32 structHash, uint64 deadline, bytes calldata signature)
        internal
        view
    {
        _requireInTime(deadline);
        bytes32 digest = _hashTypedDataV4(structHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (recovered == signer && signer != address(0)) return; // a plain account: no need to look for its code
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)) {
            revert InvalidSignature(signer, signature);
        }
    }

    function _requireInTime(uint64 deadline) private view {
        if (block.timestamp > deadline) revert RequestExpired(deadline, block.timestamp);
    }
}
