import Foundation
public import RedisCore
import Synchronization

/// A stream proxy in front of a server that delays, loses, cuts or falsifies the traffic on request.
///
/// It works on a thread of its own with `poll`, and shares nothing with the code under test. Changes apply to open
/// connections and to new ones. In the `match` faults a command matches when its name and arguments, separated by
/// spaces, contain the text in any letter case: `SET lock:7`. Replies are counted to find the one that belongs to a
/// command, which does not work on a connection that has subscriptions.
public final class FaultProxy: Sendable {
    /// Where clients connect.
    public let address: TestAddress
    /// Fires when a cut, a refusal to forward or garbage has happened.
    public let faultDone = TestSignal("a fault of the proxy")

    private let control: ProxyControl

    /// Listens and forwards to `server`; without a listening address on a free loopback port.
    public init(to server: TestAddress, listeningOn address: TestAddress = .tcp(port: 0)) throws {
        control = try ProxyControl()
        let loop = try ProxyLoop(listeningOn: address, server: server, control: control, done: faultDone)
        self.address = loop.address
        Thread.detachNewThread { loop.run() }
    }

    deinit { control.stop() }

    /// The proxy's address as a client's configuration.
    public var configuration: RedisConfiguration { address.configuration }
    /// The proxy's address as a URL.
    public var url: String { address.url }

    /// Changes what happens to the traffic from now on; returns when the proxy has taken notice.
    public func set(_ fault: Fault) { control.change { $0.fault = fault } }

    /// Cuts every open connection now; with `reset` the client sees ECONNRESET (TCP).
    public func cut(reset: Bool = false) {
        control.change { $0.cut = reset ? .reset : .close }
    }

    /// Makes connections that are open half-open: from now on they carry nothing, while new ones work.
    ///
    /// With `match`, only those over which a command containing it has been sent.
    public func silence(connectionsThatSent match: String? = nil) {
        control.change { $0.silence = .some(match) }
    }

    /// Connections accepted so far.
    public var accepted: Int { control.counts.accepted }
    /// Connections that are open.
    public var open: Int { control.counts.open }
    /// How often a client sent something when nothing that it had sent was unanswered: what it waited for.
    ///
    /// A pipeline is one, whatever it holds, as long as it fits into one read of the proxy (64 KiB). Heartbeats are
    /// none. Take the difference of two readings, with `.pass` all the time: connecting takes round trips too.
    public var roundTrips: Int { control.counts.roundTrips }
    /// Complete commands seen from clients that contain a text, in any letter case.
    public func commands(containing text: String) -> Int {
        control.commands.count { $0.range(of: text, options: .caseInsensitive) != nil }
    }

    /// Cuts everything and ends the proxy's thread; returns when its sockets are closed.
    public func stop() { control.stop() }
}

/// Runs a body with a proxy in front of a server.
public func withFaultProxy<T>(
    to server: TestAddress, listeningOn address: TestAddress = .tcp(port: 0),
    isolation: isolated (any Actor)? = #isolation, _ body: (FaultProxy) async throws -> T
) async throws -> T {
    let proxy = try FaultProxy(to: server, listeningOn: address)
    defer { proxy.stop() }
    return try await body(proxy)
}
