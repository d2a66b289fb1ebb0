import CLibuv

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Turns a host name into numeric addresses without blocking the loop.
///
/// Loop's thread only.
enum NameResolver {
    /// Calls back on the loop: addresses in the order the system prefers them, or libuv's words for the failure.
    static func resolve(
        _ host: String, on loop: EventLoop, _ completion: @escaping (Result<[String], ResolveFailure>) -> Void
    ) {
        let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        request.pointee.data = Unmanaged.passRetained(Completion(completion)).toOpaque()
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        let status = uv_getaddrinfo(loop.uv, request, nameResolved, host, nil, &hints)
        if status < 0 { finish(request, status, nil) }
    }

    struct ResolveFailure: Error {
        let text: String
    }

    private final class Completion {
        let call: (Result<[String], ResolveFailure>) -> Void
        init(_ call: @escaping (Result<[String], ResolveFailure>) -> Void) { self.call = call }
    }

    fileprivate static func finish(
        _ request: UnsafeMutablePointer<uv_getaddrinfo_t>, _ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?
    ) {
        defer {
            uv_freeaddrinfo(list)
            request.deallocate()
        }
        guard let context = request.pointee.data else { return }
        let completion = Unmanaged<Completion>.fromOpaque(context).takeRetainedValue()
        if status < 0 {
            completion.call(.failure(ResolveFailure(text: String(cString: uv_strerror(status)))))
        } else {
            completion.call(.success(numericAddresses(list)))
        }
    }

    private static func numericAddresses(_ list: UnsafeMutablePointer<addrinfo>?) -> [String] {
        var addresses: [String] = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if status == 0 {
                let address = text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
                if !addresses.contains(address) { addresses.append(address) }
            }
            next = entry.ai_next
        }
        return addresses
    }
}

private func nameResolved(
    _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?
) {
    guard let request else { return }
    NameResolver.finish(request, status, list)
}
