// First import of all: a client that hangs up in the middle of a read leaves a rejected promise inside the UnixFS
// exporter that nobody awaits, and Node would end the process for it.
process.on('unhandledRejection', error => {
  console.error(`unhandled rejection: ${error?.name}: ${error?.message}`)
})

// Node 20 lacks Promise.withResolvers, which libp2p uses; Node 22 and later have it.
Promise.withResolvers ??= function () {
  let resolve
  let reject
  const promise = new this((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
