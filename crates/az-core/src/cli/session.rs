//! One run of a tool: its arguments, environment, cloud, credential and client, each made when first needed.

use super::{
    args::GlobalArgs,
    failure::{Failure, Status},
    output::{self, Format, Query},
    prompt,
    report::{report, say},
    under_way::{Bar, Progress, UnderWay},
};
use crate::{
    arm::{self, ArmError, Client, DryRun, ResourceId, versions},
    budget::Budget,
    caller::Caller,
    connection::{Connection, application_id},
    nearest::did_you_mean,
    pacer::Pacer,
    shown::{shown, shown_json},
    subscription::{self, Subscription},
};
use az_credential::{Cloud, DefaultAzureCredential, Env, Options};
use azure_core::{credentials::TokenCredential, http::Transport};
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, Write},
    ops::Deref,
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio::sync::OnceCell;

/// One run of a tool. Copies are the same run.
#[derive(Clone)]
pub struct Session(Arc<State>);

impl Deref for Session {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

/// What a run knows, and what it has made so far.
pub struct State {
    /// The tool's name.
    pub tool: &'static str,
    /// The global arguments.
    pub global: GlobalArgs,
    /// The environment that the tool was started in.
    pub env: Env,
    /// What of it the processes get that are started.
    for_processes: Env,
    /// The cloud that it talks to.
    pub cloud: Cloud,
    /// Nothing is coloured.
    no_color: bool,
    query: Option<Query>,
    dry_run: Option<DryRun>,
    transport: OnceLock<Transport>,
    under_way: UnderWay,
    /// The time that there is for everything.
    pub budget: Budget,
    /// When requests are sent.
    pub(super) pacer: Pacer,
    chain: OnceLock<Arc<DefaultAzureCredential>>,
    arm: OnceLock<Client>,
    subscription: OnceCell<Subscription>,
    tenant: OnceCell<String>,
}

impl Session {
    pub(super) fn new(
        tool: &'static str,
        global: GlobalArgs,
        (env, for_processes): (Env, Env),
        no_color: bool,
        under_way: UnderWay,
        budget: Budget,
    ) -> Result<Self, Failure> {
        let query = global.query.as_deref().map(Query::compile).transpose()?;
        let cloud = Cloud::resolve(global.cloud.as_deref(), &env)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let dry_run = global.dry_run.then(DryRun::default);
        Ok(Session(Arc::new(State {
            tool,
            global,
            env,
            for_processes,
            cloud,
            no_color,
            query,
            dry_run,
            transport: OnceLock::new(),
            under_way,
            budget,
            pacer: Pacer::default(),
            chain: OnceLock::new(),
            arm: OnceLock::new(),
            subscription: OnceCell::new(),
            tenant: OnceCell::new(),
        })))
    }

    /// The process's one HTTP client.
    pub fn transport(&self) -> Result<Transport, Failure> {
        if let Some(transport) = self.transport.get() {
            return Ok(transport.clone());
        }
        let made = az_credential::http::transport(self.env.get("SSL_CERT_FILE").map(Path::new))?;
        Ok(self.transport.get_or_init(|| made).clone())
    }

    /// Who asks: the chain of credentials.
    pub fn credential(&self) -> Result<Arc<dyn TokenCredential>, Failure> {
        Ok(self.chain()?)
    }

    /// The same as the chain that it is, which can say what it tried.
    pub fn chain(&self) -> Result<Arc<DefaultAzureCredential>, Failure> {
        if let Some(chain) = self.chain.get() {
            return Ok(chain.clone());
        }
        let made = DefaultAzureCredential::new(Options {
            env: self.for_processes.clone(),
            cloud: self.cloud,
            transport: Some(self.transport()?),
            subscription: subscription::known_locally(
                self.global.subscription.as_deref(),
                &self.env,
                &self.cloud,
            ),
            application_id: Some(application_id(self.tool)),
            ..Options::default()
        })
        .map_err(|error| Failure::new(Status::Unauthenticated, error.to_string()))?;
        Ok(self.chain.get_or_init(|| made).clone())
    }

    /// Who the caller is, by a token for Resource Manager; `None` where the token does not tell.
    pub async fn caller(&self) -> Result<Option<Caller>, Failure> {
        let scope = self.cloud.resource_manager_scope();
        let found = Caller::of(self.chain()?.as_ref(), scope).await;
        Ok(found.map_err(ArmError::Credential)?)
    }

    /// What the session's clients share.
    pub fn connection(&self) -> Result<Connection, Failure> {
        Ok(Connection {
            cloud: self.cloud,
            credential: self.credential()?,
            transport: self.transport()?,
            tool: self.tool,
            budget: self.budget.clone(),
            pacer: self.pacer.clone(),
        })
    }

    /// The client for Resource Manager.
    pub fn arm(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.arm.get() {
            return Ok(client);
        }
        let made = Client::new(
            &self.connection()?,
            arm::ClientOptions {
                dry_run: self.dry_run.clone(),
                watch: Some(Arc::new(self.under_way.clone())),
            },
        );
        Ok(self.arm.get_or_init(|| made))
    }

    /// The subscription's id: `--subscription`, `AZURE_SUBSCRIPTION_ID`, `az`'s default, or the only one.
    pub async fn subscription(&self) -> Result<&str, Failure> {
        let found = self
            .subscription
            .get_or_try_init(|| async {
                let list = || async {
                    let items = self
                        .arm()?
                        .list("/subscriptions", versions::SUBSCRIPTIONS, &[])
                        .await?;
                    Ok::<_, Failure>(
                        items
                            .iter()
                            .filter_map(Subscription::from_arm)
                            .collect::<Vec<_>>(),
                    )
                };
                subscription::resolve(
                    self.global.subscription.as_deref(),
                    &self.env,
                    &self.cloud,
                    list,
                )
                .await
            })
            .await?;
        Ok(&found.id)
    }

    /// The tenant that the session's subscription trusts.
    pub async fn tenant(&self) -> Result<String, Failure> {
        let subscription = self.subscription().await?;
        if let Some(tenant) = self
            .subscription
            .get()
            .and_then(|found| found.tenant_id.clone())
        {
            return Ok(tenant);
        }
        let asked = self.tenant.get_or_try_init(|| async {
            let id = ResourceId::subscription(subscription);
            let found = self.arm()?.get(id, versions::SUBSCRIPTIONS).await?;
            Ok::<_, Failure>(found["tenantId"].as_str().unwrap_or_default().to_owned())
        });
        asked.await.cloned()
    }

    /// The id of a resource group in the session's subscription.
    pub async fn group_id(&self, group: &str) -> Result<ResourceId, Failure> {
        Ok(ResourceId::group(self.subscription().await?, group))
    }

    /// The id of the only resource of this type and name in the subscription, for commands that take a name
    /// without a group.
    ///
    /// # Errors
    /// None has the name, or several have (in different groups).
    pub async fn find_by_name(
        &self,
        resource_type: &str,
        what: &str,
        name: &str,
    ) -> Result<ResourceId, Failure> {
        let subscription = self.subscription().await?;
        let filter = format!(
            "resourceType eq '{resource_type}' and name eq '{}'",
            name.replace('\'', "''")
        );
        let path = format!("/subscriptions/{subscription}/resources");
        let found = self
            .arm()?
            .list(&path, versions::RESOURCES, &[("$filter", &filter)])
            .await?;
        let ids: Vec<&str> = found
            .iter()
            .filter_map(|resource| resource["id"].as_str())
            .collect();
        match ids.as_slice() {
            [] => {
                let failure = Failure::new(
                    Status::NotFound,
                    format!("there is no {what} '{name}' in subscription '{subscription}'"),
                );
                let filter = format!("resourceType eq '{resource_type}'");
                // Whoever may not list them gets no suggestion.
                let all = self
                    .arm()?
                    .list(&path, versions::RESOURCES, &[("$filter", &filter)])
                    .await
                    .unwrap_or_default();
                let names = all.iter().filter_map(|one| one["name"].as_str());
                let near = did_you_mean(name, names).map_or_else(String::new, |near| near + " ");
                Err(failure.hint(format!("{near}Check the name and --subscription.")))
            }
            [id] => Ok(id.parse()?),
            several => Err(Failure::usage(format!(
                "several {what}s are named '{name}': {}",
                several.join(", ")
            ))
            .hint("Say which with --resource-group.")),
        }
    }

    /// Whether nothing is to be written.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run.is_some()
    }

    /// Prints a result to standard output in the chosen format; in a dry run, the planned requests
    /// instead, if there are any.
    pub fn print(&self, result: &Value) -> Result<(), Failure> {
        self.print_with(result, None)
    }

    /// Prints a result that has a sentence for `-o text`.
    pub fn print_with(&self, result: &Value, text: Option<&str>) -> Result<(), Failure> {
        self.print_in(result, text, None)
    }

    /// Prints a result that is for people first: as `text`, unless a format or a query is asked for.
    pub fn print_for_people(
        &self,
        result: &Value,
        text: &str,
        columns: &str,
    ) -> Result<(), Failure> {
        if self.global.output.is_none() && self.query.is_none() {
            return match std::io::stdout().is_terminal() {
                true => write_out(&shown(text)),
                false => write_out(text),
            };
        }
        self.print_in(result, Some(text.trim_end()), Some(columns))
    }

    fn format(&self) -> Format {
        self.global.output.unwrap_or_default()
    }

    /// Prints a result whose table has columns of its own: a JMESPath query that makes a hash a row.
    pub fn print_table(&self, result: &Value, columns: &str) -> Result<(), Failure> {
        self.print_in(result, None, Some(columns))
    }

    fn print_in(
        &self,
        result: &Value,
        text: Option<&str>,
        columns: Option<&str>,
    ) -> Result<(), Failure> {
        if self.print_plan()? {
            return Ok(());
        }
        let mut result = result.clone();
        add_resource_group(&mut result);
        let result = &result;
        let colour = self.format() == Format::Jsonc && output::takes_colour(self.no_color);
        let columns = columns
            .filter(|_| self.format() == Format::Table && self.query.is_none())
            .map(Query::compile)
            .transpose()?;
        let text = output::render(
            result,
            text,
            self.format(),
            self.query.as_ref().or(columns.as_ref()),
            colour,
        )?;
        self.write(&text)
    }

    /// Prints one result of several on one line.
    pub fn print_line(&self, result: &Value, text: Option<&str>) -> Result<(), Failure> {
        if self.print_plan()? {
            return Ok(());
        }
        let mut result = result.clone();
        add_resource_group(&mut result);
        let result = &result;
        let line = output::render_line(result, text, self.format(), self.query.as_ref())?;
        if !std::io::stdout().is_terminal() {
            return self.write(&line);
        }
        // It is not to be written into a bar.
        let mut written = Ok(());
        self.under_way.say_between(|| written = self.write(&line));
        written
    }

    /// Prints one of several on one line as it is to be sent: without what results are given besides.
    pub fn print_exact_line(&self, content: &Value) -> Result<(), Failure> {
        let text = output::render_line(content, None, self.format(), self.query.as_ref())?;
        self.write(&text)
    }

    /// Writes a result in the chosen format: to a terminal without what would control it, elsewhere byte for byte.
    fn write(&self, text: &str) -> Result<(), Failure> {
        if !std::io::stdout().is_terminal() {
            return write_out(text);
        }
        match self.format() {
            Format::Json | Format::Jsonc => write_out(&shown_json(text)),
            _ => write_out(&shown(text)),
        }
    }

    /// Prints bytes as they are, for what is neither a table nor JSON: lines for a shell, a backup.
    pub fn print_raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        match std::str::from_utf8(bytes) {
            Ok(text) if std::io::stdout().is_terminal() => write_out(&shown(text)),
            _ => write_bytes(bytes),
        }
    }

    /// Prints a request that a dry run does not send; for clients other than Resource Manager's.
    pub fn print_planned(
        &self,
        method: &str,
        url: &str,
        body: Option<&Value>,
    ) -> Result<(), Failure> {
        write_out(&format!(
            "{}\n",
            json!({"method": method, "url": url, "body": body})
        ))
    }

    /// Prints what a dry run has planned so far: one JSON object a request, a line each. Says whether there was
    /// anything; a command that would write nothing shows its result.
    fn print_plan(&self) -> Result<bool, Failure> {
        let planned: Vec<_> = self.dry_run.iter().flat_map(DryRun::take).collect();
        for request in &planned {
            self.print_planned(request.method, &request.url, request.body.as_ref())?;
        }
        Ok(!planned.is_empty())
    }

    /// Reports a failure on standard error that does not end the tool.
    pub fn report(&self, failure: &Failure) {
        self.under_way
            .say_between(|| report(self.tool, failure, self.global.error_format));
    }

    /// Nothing where there are no failures; else the first of them, after the others have been reported.
    pub fn none_of(&self, failures: impl IntoIterator<Item = Failure>) -> Result<(), Failure> {
        let mut failures = failures.into_iter();
        let Some(first) = failures.next() else {
            return Ok(());
        };
        failures.for_each(|other| self.report(&other));
        Err(first)
    }

    /// Warns on standard error, unless `--only-show-errors`.
    pub fn warn(&self, message: impl std::fmt::Display) {
        if !self.global.only_show_errors {
            self.under_way
                .say_between(|| say(format_args!("{}: {message}", self.tool)));
        }
    }

    /// Shows on a terminal what is being waited for, until the returned guard is dropped.
    pub fn progress(&self, message: impl Into<String>) -> Progress {
        self.under_way.message(message.into())
    }

    /// Shows on a terminal how far a list is, until the returned guard is dropped.
    pub(super) fn bar(&self) -> Bar {
        self.under_way.bar()
    }

    /// Shows on a terminal a line for each resource that is made, with its time; each stays when its resource is there.
    pub fn show_each_resource(&self) {
        self.under_way.show_each();
    }

    /// Has a destructive act confirmed, unless `--yes` or `--dry-run`.
    pub fn confirm_by_name(&self, question: &str, word: &str) -> Result<(), Failure> {
        if self.global.yes || self.is_dry_run() {
            return Ok(());
        }
        prompt::confirm_by_name(question, word)
    }
}

/// Adds `resourceGroup` to every object whose id is that of a resource in a group, as `az` does for all results.
fn add_resource_group(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_resource_group),
        Value::Object(members) => {
            members.values_mut().for_each(add_resource_group);
            let id = members
                .get("id")
                .and_then(Value::as_str)
                .and_then(|id| id.parse::<ResourceId>().ok());
            if let Some(id) = id.filter(|id| id.resource_type().is_some())
                && let Some(group) = id.resource_group()
                && !members.contains_key("resourceGroup")
            {
                members.insert("resourceGroup".to_owned(), group.into());
            }
        }
        _ => {}
    }
}

fn write_out(text: &str) -> Result<(), Failure> {
    write_bytes(text.as_bytes())
}

/// Writes to standard output. When the reader has gone (`| head -1`), the tool ends quietly: what it did is
/// done, and nobody wants to read of it.
fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            Status::Failed,
            format!("standard output: {error}"),
        )),
        Ok(()) => Ok(()),
    }
}
