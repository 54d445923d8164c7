# Write expected.json: the answers of R packages on data.csv.
# Rscript make_expected.R, in this folder; needs MASS, ordinal, pscl, VGAM, numDeriv and jsonlite.
suppressMessages({
  library(MASS)
  library(ordinal)
  library(pscl)
  library(VGAM)
  library(numDeriv)
  library(jsonlite)
})
df <- read.csv("data.csv")
df$group <- factor(df$group)
df$rating <- factor(df$rating, c("poor", "fair", "good", "very good", "excellent"), ordered = TRUE)
df$grade <- factor(df$grade, ordered = TRUE)

named <- function(values, names) setNames(as.list(as.numeric(values)), names)
plain <- function(names) {
  names <- gsub("(Intercept)", "Intercept", names, fixed = TRUE)
  sub("^group(.)$", "group[T.\\1]", names)
}
inflation <- function(names) paste0("inflation:", plain(names))

# Climb from a package's estimates to where the log-likelihood, of R's own densities, has no slope
# left: Newton's method on Richardson's derivatives.
polished <- function(loglik, start) {
  at <- start
  for (i in 1:6) at <- at - solve(hessian(loglik, at), grad(loglik, at))
  list(at = at, loglik = loglik(at), hessian = hessian(loglik, at), slope = max(abs(grad(loglik, at))))
}
shown <- function(found, names) {
  errors <- sqrt(diag(solve(-found$hessian)))
  list(params = named(found$at, names), errors = named(errors, names), loglik = found$loglik,
       slope = found$slope)
}
columns <- function(formula) model.matrix(formula, df)
of_rows <- function(case) {
  list(w = if (is.null(case$weights)) rep(1, nrow(df)) else df[[case$weights]],
       o = if (is.null(case$offset)) rep(0, nrow(df)) else df[[case$offset]])
}

# theta of R is 1 / alpha; alpha's own error comes from the Hessian by alpha.
negbin2 <- function(case) {
  row <- of_rows(case)
  right <- as.formula(paste("~", case$right))
  X <- columns(right)
  y <- df$visits
  frame <- cbind(df, w_ = row$w, o_ = row$o)
  fit <- glm.nb(as.formula(paste("visits ~", case$right, "+ offset(o_)")), data = frame,
                weights = w_, control = glm.control(epsilon = 1e-14, maxit = 500))
  k <- ncol(X)
  loglik <- function(p) {
    sum(row$w * dnbinom(y, size = 1 / p[k + 1], mu = exp(X %*% p[1:k] + row$o), log = TRUE))
  }
  found <- shown(polished(loglik, c(coef(fit), 1 / fit$theta)), c(plain(colnames(X)), "alpha"))
  package <- list(name = "MASS::glm.nb", loglik = as.numeric(logLik(fit)), theta = fit$theta,
                  params = named(coef(fit), plain(names(coef(fit)))))
  c(found, list(package = package))
}

zip <- function(case) {
  row <- of_rows(case)
  X <- columns(as.formula(paste("~", case$right)))
  Z <- columns(as.formula(paste("~", case$inflation)))
  y <- df$trips
  frame <- cbind(df, w_ = row$w, o_ = row$o)
  formula <- as.formula(paste("trips ~", case$right, "+ offset(o_) |", case$inflation))
  fit <- zeroinfl(formula, data = frame, weights = w_, dist = "poisson",
                  control = zeroinfl.control(reltol = 1e-16, maxit = 50000))
  k <- ncol(X)
  loglik <- function(p) {
    mu <- exp(X %*% p[1:k] + row$o)
    share <- plogis(Z %*% p[-(1:k)])
    sum(row$w * log(share * (y == 0) + (1 - share) * dpois(y, mu)))
  }
  start <- c(coef(fit, "count"), coef(fit, "zero"))
  found <- shown(polished(loglik, start), c(plain(colnames(X)), inflation(colnames(Z))))
  package <- list(name = "pscl::zeroinfl", loglik = fit$loglik,
                  params = named(start, c(plain(colnames(X)), inflation(colnames(Z)))))
  c(found, list(package = package))
}

# clm is Newton's method; polr stops early, and is started again from its own estimates until its
# log-likelihood stands still.
ordered_logit <- function(case) {
  row <- of_rows(case)
  frame <- cbind(df, w_ = row$w, o_ = row$o)
  formula <- as.formula(paste(case$outcome, "~", case$right, "+ offset(o_)"))
  fit <- clm(formula, data = frame, weights = w_, link = "logit",
             control = clm.control(gradTol = 1e-11, maxIter = 500L, relTol = 1e-14))
  first <- polr(formula, data = frame, weights = w_, Hess = TRUE)
  again <- first
  for (i in 1:20) {
    again <- polr(formula, data = frame, weights = w_, Hess = TRUE,
                  start = c(coef(again), again$zeta), control = list(reltol = 1e-16, maxit = 1000))
  }
  names <- c(plain(names(fit$beta)), names(fit$alpha))
  errors <- sqrt(diag(vcov(fit)))[c(names(fit$beta), names(fit$alpha))]
  list(params = named(c(fit$beta, fit$alpha), names), errors = named(errors, names),
       loglik = as.numeric(logLik(fit)), slope = max(abs(fit$gradient)),
       fitted = as.numeric(fit$fitted.values[1:20]),
       package = list(name = "MASS::polr", loglik = as.numeric(logLik(again)),
                      first = as.numeric(logLik(first)),
                      params = named(c(coef(again), again$zeta), names)))
}

cases <- list(
  list(model = "negbin2", right = "x1 + x2"),
  list(model = "negbin2", right = "x1 + x2 + group", offset = "shift"),
  list(model = "negbin2", right = "x1 + x2", weights = "copies"),
  list(model = "zip", right = "x1 + x2", inflation = "z1"),
  list(model = "zip", right = "x1 + x2 + group", inflation = "1", offset = "shift"),
  list(model = "zip", right = "x1 + x2", inflation = "z1 + group", weights = "copies"),
  list(model = "ordered_logit", outcome = "grade", right = "x1 + x2"),
  list(model = "ordered_logit", outcome = "rating", right = "x1 + x2 + group", offset = "shift"),
  list(model = "ordered_logit", outcome = "rating", right = "x1 + x2", weights = "copies")
)
answers <- lapply(cases, function(case) c(case, get(case$model)(case)))

# Fisher scoring of VGAM, an estimator of its own for the two count models without weights.
vglm_of <- function(family, formula, ...) {
  fit <- vglm(formula, family, data = df, epsilon = 1e-13, maxit = 200, ...)
  list(loglik = as.numeric(logLik(fit)), params = as.list(coef(fit)))
}
further <- list(
  negbinomial = vglm_of(negbinomial(zero = "size"), visits ~ x1 + x2),
  zipoisson = vglm_of(zipoisson(zero = NULL), trips ~ x1 + x2,
                      constraints = list("(Intercept)" = diag(2), x1 = rbind(0, 1), x2 = rbind(0, 1)))
)

# Cutpoints with slopes of their own: the likelihood ratio that the test of Brant comes near, and
# that test itself from binary logits of glm.
brant <- function(formula, outcome, cuts) {
  X <- columns(formula)
  fits <- lapply(seq_len(cuts), function(j) {
    glm.fit(X, as.numeric(outcome > j), family = binomial(), control = list(epsilon = 1e-14))
  })
  bread <- function(p) solve(crossprod(X, X * (p * (1 - p))))
  p <- sapply(fits, function(f) f$fitted.values)
  V <- do.call(rbind, lapply(seq_len(cuts), function(j) {
    do.call(cbind, lapply(seq_len(cuts), function(k) {
      w <- p[, max(j, k)] - p[, j] * p[, k]
      (bread(p[, j]) %*% crossprod(X, X * w) %*% bread(p[, k]))[-1, -1]
    }))
  }))
  b <- unlist(lapply(fits, function(f) f$coefficients[-1]))
  k <- ncol(X) - 1
  D <- kronecker(cbind(1, -diag(cuts - 1)), diag(k))
  gap <- D %*% b
  as.numeric(t(gap) %*% solve(D %*% V %*% t(D), gap))
}
parallel <- vglm(grade ~ x1 + x2, cumulative(parallel = TRUE), df, epsilon = 1e-12)
apart <- vglm(grade ~ x1 + x2, cumulative(parallel = FALSE), df, epsilon = 1e-12)
lines <- list(ratio = 2 * (as.numeric(logLik(apart)) - as.numeric(logLik(parallel))),
              brant = brant(~ x1 + x2, as.numeric(df$grade), 4))
packages <- c("MASS", "ordinal", "pscl", "VGAM", "numDeriv")
versions <- c(list(R = as.character(getRversion())),
              lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))))
results <- list(versions = versions, cases = answers, vgam = further, lines = lines)
write(toJSON(results, digits = I(15), auto_unbox = TRUE, null = "null", pretty = 1), "expected.json")
