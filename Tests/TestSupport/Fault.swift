/// What a ``FaultProxy`` does to the traffic.
public enum Fault: Sendable, Equatable {
    /// Nothing.
    case pass
    /// Holds every chunk, in both directions, for this long; what a client sent before it closed still arrives.
    case delay(Duration)
    /// Hands on so many bytes at a time, a millisecond apart.
    case trickle(Int)
    /// Accepts, reads and forgets: the client hears nothing, the server hears nothing.
    case blackHole
    /// Commands reach the server, replies are forgotten: a link that is dead in one direction.
    case loseReplies
    /// Commands are forgotten, replies pass.
    case loseCommands
    /// Reads from neither side, so that their buffers fill.
    case stall
    /// Reads from both sides and keeps it, until the next change hands it on.
    case hold
    /// The listener is closed: new connections are refused; open ones pass.
    case refuse
    /// Instead of the server's next bytes, the client gets these; then the traffic passes again.
    case garbage([UInt8])
    /// The first `times` commands that contain `match` never reach the server; the connection is cut instead.
    case cutBeforeSend(match: String, times: Int = 1)
    /// The first `times` commands that contain `match` are executed; their connection is cut when the reply arrives.
    case cutBeforeReply(match: String, times: Int = 1)
    /// The first connection over which this many further bytes of a client were forwarded is cut; then traffic passes.
    case cutAfterClientBytes(Int)
}
