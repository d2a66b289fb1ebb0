import Foundation
import RedisCore
import Synchronization

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One request, and what its session says of it, on the session's queue.
final class HTTPCall: NSObject, URLSessionDataDelegate {
    /// Settled once, by whatever comes first.
    let answer = FirstOutcome<HTTPPoster.Answer>()
    private let alarm = Mutex<Task<Void, Never>?>(nil)

    /// Starts the task, and the time for all of it: the session's own limit is for silence only.
    func start(_ task: URLSessionTask, timeout: Duration) {
        let alarm = Task { [answer] in
            guard (try? await Task.sleep(for: timeout)) != nil else { return }
            answer.settle(.timedOut)
            task.cancel()
        }
        self.alarm.withLock { $0 = alarm }
        task.resume()
    }

    /// The caller has its answer, the redirect itself, and cancels the task.
    ///
    /// The session is never told whether to follow: on Linux an answer that comes after a cancellation is fatal.
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        settle(response)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        settle(response)
        // Nobody reads the body, and the connection is for this request alone.
        completionHandler(.cancel)
        dataTask.cancel()
    }

    private func settle(_ response: URLResponse?) {
        guard let status = (response as? HTTPURLResponse)?.statusCode else { return }
        answer.settle(.status(status))
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        alarm.withLock { $0 }?.cancel()
        if error == nil { settle(task.response) }
        answer.settle(.failed(Self.reason(error)))
    }

    /// Not the error's own words, which repeat the address.
    private static func reason(_ error: (any Error)?) -> String {
        guard let code = (error as? URLError)?.code else { return "the connection ended" }
        return switch code {
        case .timedOut: "it did not answer in time"
        case .cannotFindHost, .dnsLookupFailed: "its name is not known"
        case .cannotConnectToHost: "the connection was refused"
        case .networkConnectionLost: "the connection was lost"
        case .secureConnectionFailed: "TLS failed"
        case .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateHasUnknownRoot,
            .serverCertificateNotYetValid:
            "its certificate is not trusted"
        default: "URL error \(code.rawValue)"
        }
    }
}
