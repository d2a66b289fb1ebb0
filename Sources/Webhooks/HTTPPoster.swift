import Foundation
import RedisCore

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Posts, each time over a session and a connection of its own, which keep nothing: no cookies, no cache, no passwords.
///
/// On Linux the session repeats a request whose kept connection was reset, without its body, and then waits for the
/// answer until the time is over: a receiver that restarts would cost each message a time-out.
enum HTTPPoster {
    /// What came back.
    enum Answer: Sendable {
        case status(Int)
        case timedOut
        /// Nobody answered; in words without the address.
        case failed(String)
        case cancelled
    }

    /// One request; the status as soon as it is here, without a body.
    static func post(_ body: Data, to url: URL, headers: [String: String], timeout: Duration) async -> Answer {
        guard !Task.isCancelled else { return .cancelled }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = body
        request.httpShouldHandleCookies = false
        request.timeoutInterval = timeout / .seconds(1) + 1
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        request.setValue("close", forHTTPHeaderField: "Connection")
        let call = HTTPCall()
        let session = URLSession(configuration: configuration, delegate: call, delegateQueue: nil)
        let task = session.dataTask(with: request)
        call.start(task, timeout: timeout)
        // When the task is done it lets go of the delegate.
        session.finishTasksAndInvalidate()
        let answer = await withTaskCancellationHandler {
            await call.answer.value
        } onCancel: {
            call.answer.settle(.cancelled)
        }
        task.cancel()
        return answer
    }

    private static var configuration: URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        return configuration
    }
}
