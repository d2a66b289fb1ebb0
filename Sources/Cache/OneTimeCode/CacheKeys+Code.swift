import RedisCore

/// The keys of one-time codes: one for the code, one for when codes were sent, in the slot of the id.
struct OneTimeCodeKeys: Sendable {
    let code: RedisKey
    let sent: RedisKey

    init(prefix: String, id: String, purpose: String?) {
        let prefix = KeyText.escaped(prefix)
        let start = "\(prefix.isEmpty ? "" : prefix + ":")code:{\(KeyText.escaped(id))}"
        let name = purpose.map { "\(start):for:\(KeyText.segment($0))" } ?? start
        code = RedisKey(name)
        sent = RedisKey("\(name):sent")
    }
}
