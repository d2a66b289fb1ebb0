public import Cache

extension ExpiryWebhook {
    /// A webhook that posts by itself, signed after Standard Webhooks 1.0.
    ///
    /// ```swift
    /// let webhook = try ExpiryWebhook(postingTo: "https://example.org/hooks", secrets: [WebhookSecret("whsec_…")])
    /// let sweeper = try ExpirySweeper(actions) { try await webhook.deliver($0) }
    /// ```
    ///
    /// Each end is posted **at least once**, under one `webhook-id`: no answer, a time-out, a redirect, 408, 425, 429
    /// and 5xx are tried again as the sweeper tries again, perhaps by another process. Any other 4xx ends it: it
    /// was told and is not wanted, which is logged and counted (`cache.expiry.rejected`), unless
    /// ``WebhookOptions/retriesRefusals``. See ``WebhookSender`` for what is sent.
    ///
    /// Give it a ``WebhookOptions/timeout`` below the sweeper's ``ExpirySweeperOptions/handlerTimeout``, or each slow
    /// attempt is cancelled after its receiver did the work.
    ///
    /// - Throws: `invalidArgument`.
    public init(
        postingTo url: String, secrets: [WebhookSecret] = [], includesValue: Bool = false,
        options: WebhookOptions = WebhookOptions()
    ) throws(WebhookError) {
        let sender = try WebhookSender(url: url, secrets: secrets, options: options)
        self.init(url: url, includesValue: includesValue) { request in
            do {
                try await sender.send(id: request.id, body: request.body, headers: request.headers)
                return 204
            } catch let error as WebhookError where error.code == .refused && !options.retriesRefusals {
                throw ExpiryRejection(error.description)
            }
        }
    }
}
