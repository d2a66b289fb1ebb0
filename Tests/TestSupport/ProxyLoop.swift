import Foundation

/// The proxy's thread: one `poll` over the listener, the wake-up pipe and both sockets of every connection.
///
/// Only that thread touches it after it was made.
final class ProxyLoop: @unchecked Sendable {  // guarded by: confined to the thread that calls run()
    let address: TestAddress
    private var listener: Int32?
    /// Holds the port while nobody listens.
    private var reservation: Int32?
    private let server: TestAddress
    private let control: ProxyControl
    private let done: TestSignal
    private var links: [ProxyLink] = []
    private var fault = Fault.pass
    private var faultNumber = 0

    init(listeningOn wanted: TestAddress, server: TestAddress, control: ProxyControl, done: TestSignal) throws {
        if case .tcp = wanted {
            let (descriptor, address) = try Sockets.reserve(wanted)
            reservation = descriptor
            self.address = address
        } else {
            address = wanted
        }
        do {
            listener = try Sockets.listen(on: address)
        } catch {
            if let reservation { close(reservation) }
            throw error
        }
        self.server = server
        self.control = control
        self.done = done
    }

    func run() {
        var number = 0
        while true {
            let (orders, next) = control.take()
            if orders.stop { break }
            if next != number { obey(orders) }
            number = next
            control.acknowledge(number)
            step()
        }
        for link in links { link.close(.close) }
        for descriptor in [listener, reservation] { if let descriptor { close(descriptor) } }
        if case .unix(let path) = address { unlink(path) }
        control.count { $0.open = 0 }
        control.ended()
    }

    private func obey(_ orders: ProxyControl.Orders) {
        // Every order repeats the fault; only a new one starts counts again.
        if orders.faultNumber != faultNumber {
            faultNumber = orders.faultNumber
            fault = orders.fault
            for link in links { link.faultChanged() }
            setListening(fault != .refuse)
        }
        if case .some(let match) = orders.silence {
            for link in links where link.hasSent(match) { link.isSilent = true }
        }
        if let cut = orders.cut {
            for link in links { end(link, cut) }
            done.fire()
        }
    }

    private func setListening(_ wanted: Bool) {
        if !wanted, let open = listener {
            // Who connected before the order belongs to the time before it.
            while accept() {}
            close(open)
            listener = nil
        } else if wanted, listener == nil {
            listener = try? Sockets.listen(on: address)
        }
    }

    private func step() {
        var polled: [pollfd] = [pollfd(fd: control.wakeReader, events: Int16(POLLIN), revents: 0)]
        polled.append(pollfd(fd: listener ?? -1, events: Int16(POLLIN), revents: 0))
        let now = ContinuousClock.now
        var wake = Duration.seconds(3_600)
        for link in links {
            for side in [ProxyLink.Side.client, .server] {
                var events: Int16 = 0
                if fault != .stall, link.wantsRead(from: side) { events |= Int16(POLLIN) }
                if let due = link.due(to: side) {
                    if due <= now { events |= Int16(POLLOUT) } else { wake = min(wake, now.duration(to: due)) }
                }
                // A descriptor polled for nothing would still report a hang-up, over and over.
                polled.append(pollfd(fd: events == 0 ? -1 : link.descriptor(side), events: events, revents: 0))
            }
        }
        let milliseconds = Int32(clamping: Int(wake / .milliseconds(1)) + 1)
        guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return }
        let snapshot = links
        if polled[1].revents != 0 { accept() }
        for (index, link) in snapshot.enumerated() {
            serve(link, client: polled[2 + 2 * index].revents, server: polled[3 + 2 * index].revents)
        }
    }

    @discardableResult
    private func accept() -> Bool {
        guard let listener else { return false }
        Sockets.setNonBlocking(listener)
        let client = Foundation.accept(listener, nil, nil)
        guard client >= 0 else { return false }
        Sockets.configure(client)
        control.count { $0.accepted += 1 }
        guard let upstream = try? Sockets.connect(to: server) else {
            close(client)
            return true
        }
        links.append(ProxyLink(client: client, server: upstream))
        control.count { $0.open += 1 }
        return true
    }

    private func serve(_ link: ProxyLink, client: Int16, server: Int16) {
        let readable = Int16(POLLIN | POLLHUP | POLLERR)
        for (side, events) in [(ProxyLink.Side.client, client), (.server, server)] {
            if events & Int16(POLLOUT) != 0, !link.write(to: side, now: .now) || link.isDrained {
                return end(link, .close)
            }
            guard events & readable != 0 else { continue }
            let before = fault
            let outcome = link.read(from: side, &fault, control)
            switch outcome {
            case .fine: break
            case .ended:
                // A network delivers what was sent before the end.
                if side == .client, link.drain() { continue }
                return end(link, .close)
            case .cut:
                // Before: whoever sees the end may ask whether this was why.
                done.fire()
                return end(link, .close)
            }
            if case .garbage = before, fault == .pass { done.fire() }
        }
    }

    private func end(_ link: ProxyLink, _ cut: ProxyControl.Cut) {
        guard let index = links.firstIndex(where: { $0 === link }) else { return }
        links.remove(at: index)
        link.close(cut)
        control.count { $0.open -= 1 }
    }
}
