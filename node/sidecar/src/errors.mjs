// An error that the RPC front answers with its own status and text.
export class RpcError extends Error {
  constructor (message, status = 500) {
    super(message)
    this.status = status
  }
}
