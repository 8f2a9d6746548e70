// The one file of a multipart/form-data request, as a stream of bytes.
import { pipeline } from 'node:stream/promises'
import busboy from 'busboy'
import { RpcError } from './errors.mjs'

export async function * uploadedFile (request) {
  const form = openForm(request)
  const arrived = Promise.withResolvers()
  let tooMany = false
  form.on('file', (_field, stream) => {
    stream.on('error', () => {}) // reported by `received`
    arrived.resolve(stream)
  })
  form.on('filesLimit', () => { tooMany = true })
  // Unlike request.pipe(form), this ends the form when the client hangs up.
  const received = pipeline(request, form)
  received.then(() => arrived.resolve(undefined), arrived.reject)
  const stream = await arrived.promise
  if (stream === undefined) throw new RpcError('expected one file in the form, got none', 400)
  yield * stream
  await received
  if (tooMany) throw new RpcError('expected one file in the form, got several', 400)
}

function openForm (request) {
  try {
    return busboy({ headers: request.headers, limits: { files: 1 } })
  } catch (error) {
    throw new RpcError(`expected a multipart/form-data body: ${error.message}`, 400)
  }
}
